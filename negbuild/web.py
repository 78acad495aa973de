"""The one polite HTTP client: API calls of the sources, and downloads of their pictures, under the same limits."""

import math
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Self

from negbuild.hosts import Hosts
from negbuild.manners import Manners
from negbuild.model import NO_VALIDATORS, Skip, Validators

if TYPE_CHECKING:
    from negbuild.calls import Calls
    from negbuild.download import Downloads, Fetched
    from negbuild.source import Answer
    from negbuild.switchboard import Switchboard


class Web:
    """The client; use it as an asynchronous context manager."""

    def __init__(self, manners: Manners, hosts: Hosts | None = None, shared: "Web | None" = None) -> None:
        """Behave like that; `hosts` is what is known of hosts by now; what many clients can share, `shared` has."""
        self._manners, self._shared = manners, shared
        self._hosts = Hosts(manners.pace) if hosts is None else hosts
        self._downloads: Downloads | None = None
        self._lock = threading.RLock()
        self._calls: Calls | None = None
        self._switchboard: Switchboard | None = None
        self._ending = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        if self._downloads:
            await self._downloads.close()

    async def fetch(self, url: str, known: Validators = NO_VALIDATORS) -> "Fetched | Skip":
        """See `Downloads.fetch`."""
        return await self._downloading().fetch(url, known, self._manners)

    def release(self, size: int) -> None:
        """See `Downloads.release`."""
        self._downloading().release(size)

    @property
    def is_crowded(self) -> bool:
        """Whether what is being read waits for bytes to be released."""
        return self._downloading().room.is_full

    def get(
        self, url: str, params: Mapping[str, str | int] | None = None, headers: Mapping[str, str] | None = None
    ) -> "Answer":
        """See `Calls.get`."""
        return self._called().get(url, params, headers)

    def post(self, url: str, data: Mapping[str, str], headers: Mapping[str, str] | None = None) -> "Answer":
        """See `Calls.post`."""
        return self._called().post(url, data, headers)

    def lines(self, url: str) -> Iterator[str]:
        """See `Calls.lines`."""
        return self._called().lines(url)

    def close(self) -> None:
        """Ask for nothing more; enough where nothing is downloaded."""
        self.wind_down()
        if self._switchboard:
            self._switchboard.close()

    def wind_down(self) -> None:
        """Wait for no host any more; what is being read goes on."""
        with self._lock:
            self._ending = True
            if self._calls:
                self._calls.wind_down()
        if self._downloads:
            self._downloads.wind_down()

    def _downloading(self) -> "Downloads":
        """Make ready for downloads at the first one: its client takes longer to load than a small folder to add."""
        if self._shared:
            return self._shared._downloading()  # noqa: SLF001  another one of this class
        if self._downloads is None:
            from negbuild.download import Downloads

            self._downloads = Downloads(self._manners, self._hosts)
            if self._ending:
                self._downloads.wind_down()
        return self._downloads

    def _called(self) -> "Calls":
        """Make ready for calls at the first one, in the thread that makes it: many a crawl makes none."""
        with self._lock:
            if self._calls is None:
                from negbuild.calls import Calls

                self._calls = Calls(self._manners, self._hosts, self._switching())
                if self._ending:
                    self._calls.wind_down()
            return self._calls

    def _switching(self) -> "Switchboard":
        """Make ready what all calls share."""
        if self._shared:
            return self._shared._switching()  # noqa: SLF001  another one of this class
        with self._lock:
            if self._switchboard is None:
                from negbuild.switchboard import Switchboard

                self._switchboard = Switchboard()
            return self._switchboard

    def with_manners(self, manners: Manners) -> "Web":
        """Return a client with manners of its own, and the rest of this one, which is closed after it."""
        return Web(manners, self._hosts, self)

    def wait(self, host: str, under_way: int) -> float:
        """Seconds until a host with so many pictures under way may be asked for more; infinity: once one landed."""
        known = self._hosts[host]
        if known.closed(self._manners.longest_wait):
            return 0.0  # it will be skipped at once
        return math.inf if under_way >= known.pace.connections else known.wait()

    def well(self, host: str) -> bool:
        """Whether a host can be expected to answer soon."""
        return self._hosts[host].well
