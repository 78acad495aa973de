"""What is known of each host during a run: how fast it may be asked, when it wants a rest, whether it is down.

API calls and downloads share one `Host` for each name and port, whichever thread they run in. Times are in seconds, on
the monotonic clock unless they say otherwise.
"""

import email.utils
import math
import random
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from types import MappingProxyType

from negbuild.model import Skip, SkipReason
from negbuild.network import Network
from negbuild.robots import Rules

_MOST_HOSTS = 4096  # remembered when nothing is under way there
_TRIP = 8  # points of failure in a row that open the circuit breaker
_NO_ANSWER = 2  # points of a failure that took a whole timeout, or found nobody
_COOL_OFF = 30.0  # of a host that is down, doubled each time up to the next
_LONGEST_COOL_OFF = 900.0
_PATIENCE = 2.0  # without an answer for so long, a host counts as hanging


@dataclass(frozen=True, slots=True)
class Pace:
    """How a host may be asked: connections at once, and seconds between the starts of two requests."""

    connections: int = 4
    interval: float = 0.0


DEFAULT_PACE = Pace()

KNOWN_PACES: Mapping[str, Pace] = MappingProxyType(
    {
        "upload.wikimedia.org": Pace(2),  # Wikimedia's robot policy: at most two at once for media
        "commons.wikimedia.org": Pace(1),  # API:Etiquette: one request after the other
        "api.openverse.org": Pace(1),
        "api.flickr.com": Pace(1, 1.0),  # 3,600 calls an hour
        "api.inaturalist.org": Pace(1, 1.0),  # its API's recommended practices: about one request a second
        "www.bing.com": Pace(1, 1.0),  # search engines state none, and shut out who asks faster than a person
        "www.google.com": Pace(1, 1.0),
        "image.baidu.com": Pace(1, 1.0),
    }
)
"""Hosts that state a stricter pace than the default one."""


class Host:
    """One host and port; every method may be called from any thread."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.under_way = 0
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._failures = self._trips = 0
        self._down_until = 0.0
        self._is_there = False  # it answered, if only with an error
        self._answered = time.monotonic()
        self._freed: list[Callable[[], object]] = []

    def wait(self) -> float:
        """Seconds until it may be asked: 0 for now, infinity for when a connection becomes free."""
        if self.under_way >= self.pace.connections:
            return math.inf
        return self.rests_for

    @property
    def rests_for(self) -> float:
        """Seconds that it is to be left alone, as it asked or for its failures."""
        return max(0.0, max(self._not_before, self._down_until) - time.monotonic())

    def enter(self, freed: Callable[[], object] | None = None) -> float:
        """Take a connection and return 0, or return how long to wait; `freed` is called when one becomes free."""
        with self._lock:
            wait = self.wait()
            if wait == 0:
                if not self.under_way:
                    self._answered = time.monotonic()
                self.under_way += 1
                self._not_before = max(self._not_before, time.monotonic() + self.pace.interval)
            elif wait == math.inf and freed:
                self._freed.append(freed)
            return wait

    def leave(self) -> None:
        """Give a connection back."""
        with self._lock:
            self.under_way -= 1
            freed, self._freed = self._freed, []
        for wake in freed:  # all of them: the first may have gone meanwhile
            wake()

    def slow_down(self, interval: float) -> None:
        """Keep at least `interval` seconds between two requests from now on, as its robots.txt asks."""
        self.pace = Pace(self.pace.connections, max(self.pace.interval, interval))

    def rest(self, seconds: float) -> None:
        """Ask it for nothing for so long, as it asked."""
        with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + seconds)

    def answered(self) -> None:
        """Note that it works."""
        self._is_there = True
        self._answered = time.monotonic()
        self._failures = self._trips = 0

    def failed(self, *, answered: bool) -> None:
        """Note that it failed; several times in a row, and it counts as down for a while (a circuit breaker)."""
        with self._lock:
            self._is_there = self._is_there or answered
            self._failures += 1 if answered else _NO_ANSWER
            if self._failures >= _TRIP and time.monotonic() >= self._down_until:
                cool_off = min(_COOL_OFF * 2**self._trips, _LONGEST_COOL_OFF)
                self._down_until = time.monotonic() + cool_off
                self._trips += 1

    def closed(self, longest_wait: float) -> Skip | None:
        """Say why nothing there is worth waiting for, if so: it is down, or asked for more than `longest_wait`.

        The first cool-off is waited for like a rest that was asked for, since a host that is restarted fails as often
        in a second; not where nobody ever answered.
        """
        now = time.monotonic()
        hopeless = self._trips > 1 or not self._is_there or self._down_until - now > longest_wait
        if self._down_until > now and hopeless:
            return _later(SkipReason.HOST_DOWN, f"{self._failures} failures in a row", self._down_until - now)
        if self._not_before - now > longest_wait:
            return _later(SkipReason.THROTTLED, "the host asked for a longer rest", self._not_before - now)
        return None

    @property
    def well(self) -> bool:
        """Whether an answer can be expected soon: it is neither resting, nor down, nor hanging."""
        now = time.monotonic()
        hanging = self.under_way and now - self._answered > _PATIENCE
        return not hanging and max(self._not_before, self._down_until) <= now + _PATIENCE


class Hosts:
    """All hosts of a run, by name and port; idle ones are forgotten when there are many."""

    def __init__(self, default: Pace) -> None:
        self._default = default
        self._hosts: OrderedDict[str, Host] = OrderedDict()
        self.robots: dict[str, Rules] = {}
        """What each origin's robots.txt says."""
        self.network = Network()
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> Host:
        with self._lock:
            host = self._hosts.get(name)
            if host is None:
                if len(self._hosts) >= _MOST_HOSTS:
                    self._forget()
                host = self._hosts[name] = Host(KNOWN_PACES.get(name, self._default))
            return host

    def _forget(self) -> None:
        """Forget the oldest host that has nothing under way and owes no rest."""
        for name, host in self._hosts.items():
            if host.wait() == 0 and not host.under_way and not host.closed(math.inf):
                del self._hosts[name]
                return


def is_retried(status: int) -> bool:
    """Whether the same request may succeed after this HTTP status; every other 4xx is final."""
    return status in {408, 425, 429} or status >= 500  # noqa: PLR2004  HTTP server errors


def asked_wait(retry_after: str | None, text: str = "") -> float | None:
    """Seconds that a service asks to wait: Retry-After (RFC 9110, 10.2.3) or, in words, Django REST framework's.

    None where it asks for nothing that can be understood.
    """
    value = (retry_after or "").strip()
    if value.isascii() and value.isdecimal():
        return float(value[:10])
    try:
        moment = email.utils.parsedate_to_datetime(value) if value else None
        if moment:
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # RFC 9110, 5.6.7: always UTC
            return max(0.0, moment.timestamp() - time.time())
    except (ValueError, OverflowError, IndexError):
        return None
    said = re.search(r"Expected available in (\d{1,9}) second", text)
    return float(said[1]) if said else None


def backoff(attempt: int) -> float:
    """Seconds before the next attempt: exponential with full jitter, so that clients do not wake together."""
    return random.uniform(0, 0.5 * 2**attempt)  # noqa: S311  no secret


def throttled(detail: str, wait: float | None) -> Skip:
    """Skip of a host that is busy; `wait` is how long it asked to be left alone, in seconds."""
    return Skip(SkipReason.THROTTLED, detail) if wait is None else _later(SkipReason.THROTTLED, detail, wait)


def _later(reason: SkipReason, detail: str, wait: float) -> Skip:
    return Skip(reason, detail, retry_at=math.ceil(time.time() + min(wait, 10 * 365 * 86_400)))
