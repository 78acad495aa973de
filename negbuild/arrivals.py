"""What came of candidates, until enough of it can be recorded at once."""

import time
from collections import deque
from collections.abc import Callable

from negbuild.frontier import Entry
from negbuild.intake import Arrival
from negbuild.model import Image

_ENOUGH = 128  # for a transaction
MOST_AT_ONCE = 2 * _ENOUGH
"""What is recorded in one transaction; so many candidates are sifted at a time, too."""

_LONGEST_WAIT = 0.25  # seconds that a picture may wait for others to be recorded with


class Arrivals:
    """They wait in the order they came."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Entry, Arrival]] = deque()
        self._aside: list[tuple[Entry, Arrival]] = []
        self._since = 0.0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._aside)

    def add(self, entry: Entry, arrival: Arrival) -> None:
        """Let one wait."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append((entry, arrival))

    def due(self, wanted: int | None, *, last: bool) -> list[tuple[Entry, Arrival]]:
        """Take those to record now, if any: no more pictures than are wanted. Of the `last`, nobody waits for more."""
        if wanted != 0:
            self._waiting.extendleft(reversed(self._aside))
            self._aside.clear()
        late = self._waiting and time.monotonic() - self._since > _LONGEST_WAIT
        if not (late or last or len(self._waiting) >= _ENOUGH):
            return []
        batch: list[tuple[Entry, Arrival]] = []
        pictures = 0
        while self._waiting and len(batch) < MOST_AT_ONCE:
            pictures += isinstance(self._waiting[0][1].outcome, Image)
            if wanted is not None and pictures > wanted:
                break
            batch.append(self._waiting.popleft())
        self._since = time.monotonic()
        return batch

    def set_aside(self, is_given_up: Callable[[Entry], bool]) -> list[tuple[Entry, Arrival]]:
        """Keep pictures until more are wanted, but take those that are given up; skips are recorded all the same."""
        pictures = [one for one in self._waiting if isinstance(one[1].outcome, Image)]
        self._waiting = deque(one for one in self._waiting if not isinstance(one[1].outcome, Image))
        kept: list[tuple[Entry, Arrival]] = []
        given_up: list[tuple[Entry, Arrival]] = []
        for one in [*self._aside, *pictures]:
            (given_up if is_given_up(one[0]) else kept).append(one)
        self._aside = kept
        return given_up

    def surplus(self) -> list[tuple[Entry, Arrival]]:
        """Take all that is left, and is not to be recorded."""
        surplus = [*self._aside, *self._waiting]
        self._waiting.clear()
        self._aside.clear()
        return surplus
