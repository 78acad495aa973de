"""Where a connection may lead, what its failures mean, and how much may come through all of them at once."""

import asyncio
import errno
import socket
import time
from collections import deque

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from negbuild.addresses import is_public, without_addresses
from negbuild.lookups import Lookups
from negbuild.model import Skip, SkipReason
from negbuild.network import Network

_NO_NETWORK = {errno.ENETUNREACH, errno.ENETDOWN}
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
_REFUSALS = {401, 402, 403, 407, 451}
_GONE = {404, 410}
_ASK_LATER = {socket.EAI_AGAIN, socket.EAI_SYSTEM, socket.EAI_FAIL}
# In the order of asking: a class stands before those it is made from.
_MEANINGS: tuple[tuple[type[BaseException], SkipReason], ...] = (
    (aiohttp.ClientSSLError, SkipReason.BAD_CERTIFICATE),
    (aiohttp.InvalidURL, SkipReason.BAD_URL),
    (aiohttp.ClientResponseError, SkipReason.MALFORMED),
    (TimeoutError, SkipReason.TIMEOUT),
    (aiohttp.ClientError, SkipReason.UNREACHABLE),
    (OSError, SkipReason.UNREACHABLE),
    (ValueError, SkipReason.BAD_URL),
)


class RefusedAddressError(OSError):
    """A name that leads to an address which is not public."""


class Resolver(AbstractResolver):
    """Resolves a name once, and refuses it unless every address it has is public."""

    def __init__(self, network: Network, deadline: float, *, allow_private: bool) -> None:
        """Tell `network` what is learnt of the name service; wait for it `deadline` seconds."""
        self._lookups, self._network = Lookups(deadline), network
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve a name; raises RefusedAddressError, socket.gaierror."""
        try:
            found = await self._lookups.find(host, family)
        except socket.gaierror as error:
            if error.errno not in _ASK_LATER:
                self._network.resolved()
            raise
        self._network.resolved(host)
        for address in found:
            if not self._allow_private and not is_public(address.host):
                raise RefusedAddressError(f"{host} is {address.host}")
        return [
            ResolveResult(
                hostname=host, host=address.host, port=port, family=address.family, proto=address.proto, flags=_NUMERIC
            )
            for address in found
        ]

    async def finds_again(self, name: str) -> bool:
        """Whether a name can still be resolved."""
        try:
            await self._lookups.find(name)
        except OSError:
            return False
        self._network.resolved(name)
        return True

    async def close(self) -> None:
        """Nothing is held open."""


class Room:
    """Memory for what is read, in bytes: taken as they come, and what does not fit waits, first come, first served.

    The last `most` bytes are for one reader at a time, who can come to an end with them whatever all others hold.
    """

    def __init__(self, size: int, most: int) -> None:
        """Have so much room for all, where one reader needs `most` at most."""
        self._free, self._most = size, most
        self._last: object = None
        self._waiting: deque[tuple[int, object, asyncio.Future[None]]] = deque()

    @property
    def is_full(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting)

    async def take(self, size: int, reader: object) -> float:
        """Take so many more bytes for a reader; return how many seconds that took."""
        if (reader is self._last or not self._waiting) and self._fits(size, reader):
            self._free -= size
            return 0.0
        began = time.monotonic()
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size, reader, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size)
            raise
        return time.monotonic() - began

    def give(self, size: int) -> None:
        """Give bytes back."""
        self._free += size
        while self._waiting:
            wanted, reader, turn = self._waiting[0]
            if not turn.done():
                if not self._fits(wanted, reader):
                    return
                self._free -= wanted
                turn.set_result(None)
            self._waiting.popleft()

    def leave(self, size: int, reader: object) -> None:
        """Give back so many bytes of a reader who takes no more."""
        if reader is self._last:
            self._last = None
        self.give(size)

    def _fits(self, size: int, reader: object) -> bool:
        if self._free - size >= self._most:
            return True
        if self._last is None and self._free >= self._most:
            self._last = reader
        return reader is self._last


def failure(error: Exception) -> Skip:
    """Return what a request that failed without an answer is recorded as."""
    if refused := _cause(error, RefusedAddressError):
        return Skip(SkipReason.PRIVATE_ADDRESS, str(refused))
    unknown = _cause(error, socket.gaierror)
    if isinstance(unknown, socket.gaierror) and unknown.errno not in _ASK_LATER:
        return Skip(SkipReason.NO_SUCH_HOST, unknown.strerror or "")
    reason = next(reason for kind, reason in _MEANINGS if isinstance(error, kind))
    # aiohttp has one class for a body that ended too early and one that is written wrongly; only its words differ.
    if isinstance(error, aiohttp.ClientPayloadError) and "payload is not completed" not in str(error):
        reason = SkipReason.MALFORMED
    said = without_addresses(" ".join(str(error).split())) or type(error).__name__
    return Skip(reason, said[:200])


def final(status: int) -> Skip:
    """Return what an HTTP status that will stay the same is recorded as."""
    if status in _GONE:
        return Skip(SkipReason.GONE, f"HTTP {status}")
    return Skip(SkipReason.REFUSED if status in _REFUSALS else SkipReason.HTTP_ERROR, f"HTTP {status}")


def is_ours(error: Exception) -> bool:
    """Whether a failure may well be that of our own network or name service, and say nothing about the host."""
    unresolved = _cause(error, socket.gaierror)
    if isinstance(unresolved, socket.gaierror):
        return unresolved.errno in _ASK_LATER
    return isinstance(error, OSError) and error.errno in _NO_NETWORK


def is_of_names(error: Exception) -> bool:
    """Whether a failure is that of a lookup."""
    return _cause(error, socket.gaierror) is not None


def _cause(error: BaseException, *kinds: type[BaseException]) -> BaseException | None:
    """Find the first exception of some kinds on the way to where it began."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, kinds):
        cause = cause.__cause__ or cause.__context__
    return cause
