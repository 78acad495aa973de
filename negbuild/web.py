"""The one polite HTTP client: API calls of the sources, and downloads of their pictures, under the same limits."""

import math
from typing import Self

from negbuild.calls import Calls
from negbuild.download import Downloads
from negbuild.hosts import Hosts
from negbuild.manners import Manners


class Web:
    """The client; use it as an asynchronous context manager."""

    def __init__(self, manners: Manners, hosts: Hosts | None = None) -> None:
        """Behave like that; `hosts` is what is known of hosts by now."""
        self._manners = manners
        self._hosts = Hosts(manners.pace) if hosts is None else hosts
        self._downloads = Downloads(manners, self._hosts)
        self._calls = Calls(manners, self._hosts)
        self.fetch, self.release = self._downloads.fetch, self._downloads.release
        self.get, self.post, self.lines = self._calls.get, self._calls.post, self._calls.lines

    async def __aenter__(self) -> Self:
        await self._downloads.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()
        await self._downloads.__aexit__(*error)

    def close(self) -> None:
        """Ask for nothing more; enough where nothing is downloaded."""
        self.wind_down()
        self._calls.close()

    def wind_down(self) -> None:
        """Wait for no host any more; what is being read goes on."""
        self._calls.wind_down()
        self._downloads.wind_down()

    def wait(self, host: str, under_way: int) -> float:
        """Seconds until a host with so many pictures under way may be asked for more; infinity: once one landed."""
        known = self._hosts[host]
        if known.closed(self._manners.longest_wait):
            return 0.0  # it will be skipped at once
        return math.inf if under_way >= known.pace.connections else known.wait()

    def well(self, host: str) -> bool:
        """Whether a host can be expected to answer soon."""
        return self._hosts[host].well
