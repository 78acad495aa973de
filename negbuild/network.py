"""Whether our own network works, as far as what a run has met shows: one host that fails says nothing of it."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

_LATELY = 30.0  # seconds for which an answer of anybody proves that our own network works
# Seconds for which nothing may answer anybody; longer than a crawl waits before it begins more, `hosts._PATIENCE`.
_DOUBT = 4.0


class Network:
    """Signs of life of a run, on the monotonic clock; belongs to one event loop at a time."""

    def __init__(self) -> None:
        self.known = ""
        """A name that was resolved, to be looked up again where nothing else is."""
        self._answered = self._resolved = -math.inf
        self._asking = self._doubting = 0

    def answered(self) -> None:
        """Note that a host answered."""
        self._answered = time.monotonic()

    def resolved(self, name: str = "") -> None:
        """Note that the name service answered, and for which name it has an address."""
        self._resolved = time.monotonic()
        self.known = name or self.known

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Count a request that is under way, until it is clear what became of it."""
        self._asking += 1
        try:
            yield
        finally:
            self._asking -= 1

    @contextmanager
    def doubting(self) -> Iterator[float]:
        """Count a request that failed as if our network did; give the time of that."""
        self._doubting += 1
        try:
            yield time.monotonic()
        finally:
            self._doubting -= 1

    def works(self, *, named: bool) -> bool:
        """Whether something answered lately; `named`: or the name service did, where that is what is doubted."""
        last = max(self._answered, self._resolved) if named else self._answered
        return time.monotonic() - last <= _LATELY

    def is_silent(self, since: float) -> bool:
        """Whether nobody is left who may show that it works: all who ask have failed, and for long enough."""
        return self._doubting >= self._asking and time.monotonic() - since >= _DOUBT
