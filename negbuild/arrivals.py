"""What came of candidates, until enough of it can be recorded at once."""

import time
from collections import deque

from negbuild.frontier import Entry
from negbuild.intake import Arrival
from negbuild.model import Image

_BATCH = 128  # recorded in one transaction
_LONGEST_WAIT = 0.25  # seconds that a picture may wait for others to be recorded with


class Arrivals:
    """They wait in the order they came."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Entry, Arrival]] = deque()
        self._since = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, entry: Entry, arrival: Arrival) -> None:
        """Let one wait."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append((entry, arrival))

    def due(self, wanted: int | None, *, last: bool) -> list[tuple[Entry, Arrival]]:
        """Take those to record now, if any: no more pictures than are wanted. Of the `last`, nobody waits for more."""
        late = self._waiting and time.monotonic() - self._since > _LONGEST_WAIT
        if not (late or last or len(self._waiting) >= _BATCH):
            return []
        batch: list[tuple[Entry, Arrival]] = []
        pictures = 0
        while self._waiting and len(batch) < 2 * _BATCH:
            pictures += isinstance(self._waiting[0][1].outcome, Image)
            if wanted is not None and pictures > wanted:
                break
            batch.append(self._waiting.popleft())
        self._since = time.monotonic()
        return batch

    def surplus(self) -> list[tuple[Entry, Arrival]]:
        """Take all that is left, and is not to be recorded."""
        surplus = list(self._waiting)
        self._waiting.clear()
        return surplus
