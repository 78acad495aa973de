"""Candidates under way at each host, of all errands of a run: together no more than the host grants to one."""

import math
from collections import Counter
from collections.abc import Callable


class Places:
    """Hands out what each host grants; whoever finds no place there is told when it is free, in the order they came."""

    def __init__(self, wait: Callable[[str, int], float]) -> None:
        """Ask `wait` how many seconds a host with so many under way wants to be left alone."""
        self._wait = wait
        self._taken = Counter[str]()
        self._waiting: dict[str, dict[Callable[[str], None], None]] = {}
        self.total = 0
        """Candidates under way anywhere."""

    def wait(self, host: str, tell: Callable[[str], None]) -> float:
        """Seconds until one more may be under way at a host; infinity: `tell` is called with it once one has left."""
        seconds = self._wait(host, self._taken[host])
        if seconds == math.inf:
            self._waiting.setdefault(host, {})[tell] = None
        return seconds

    def take(self, host: str) -> None:
        """Note that a candidate is under way."""
        self._taken[host] += 1
        self.total += 1

    def leave(self, host: str) -> None:
        """Note that it is not any more: who waits longest is told, and has lost this turn if there is no use for it."""
        self.total -= 1
        self._taken[host] -= 1
        if not self._taken[host]:
            del self._taken[host]
        if waiting := self._waiting.get(host):
            tell = next(iter(waiting))
            del waiting[tell]
            if not waiting:
                del self._waiting[host]
            tell(host)
