"""Name lookups, in threads of their own: one that hangs keeps neither other names waiting nor the process alive."""

import asyncio
import os
import socket
import threading
from contextlib import suppress
from typing import NamedTuple

_MOST = 128  # at once, those included that nobody waits for any more: dnsmasq forwards no more than 150


class Address(NamedTuple):
    """One address of a name, as numbers."""

    family: int
    host: str
    proto: int


class Lookups:
    """All lookups of a run; a name that is being looked up is so once, for all who wait for it."""

    def __init__(self, deadline: float) -> None:
        """Wait so many seconds for an answer."""
        self._deadline = deadline
        self._under_way: dict[tuple[str, int], asyncio.Future[list[Address]]] = {}

    async def find(self, name: str, family: int = socket.AF_UNSPEC) -> list[Address]:
        """Find the addresses of a name; raises socket.gaierror, with EAI_AGAIN where no answer came in time."""
        key = (name, family)
        while key not in self._under_way and len(self._under_way) >= _MOST:
            await asyncio.wait(self._under_way.values(), return_when=asyncio.FIRST_COMPLETED)
        lookup = self._under_way.get(key) or self._begin(key)
        await asyncio.wait([lookup], timeout=self._deadline)  # who gives up does not end it for the others
        if not lookup.done():
            raise socket.gaierror(socket.EAI_AGAIN, f"no address of {name} within {self._deadline:.0f} s")
        return lookup.result()

    def _begin(self, key: tuple[str, int]) -> asyncio.Future[list[Address]]:
        loop = asyncio.get_running_loop()
        lookup: asyncio.Future[list[Address]] = loop.create_future()
        lookup.add_done_callback(lambda done: (self._under_way.pop(key), done.cancelled() or done.exception()))
        self._under_way[key] = lookup
        try:
            # Not in a pool: the interpreter, and the loop, wait for the threads of one before they end.
            threading.Thread(target=_find, args=(*key, loop, lookup), name="lookup", daemon=True).start()
        except RuntimeError as error:  # the system gives no more threads
            lookup.set_exception(socket.gaierror(socket.EAI_AGAIN, str(error)))
        return lookup


def _find(name: str, family: int, loop: asyncio.AbstractEventLoop, lookup: asyncio.Future[list[Address]]) -> None:
    """Look one name up, and tell the loop, if it is still there."""
    try:
        found, failure = _addresses(name, family), None
    except Exception as error:  # noqa: BLE001  raised again where it is waited for
        found, failure = [], error
    with suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(_settle, lookup, found, failure)


def _settle(lookup: asyncio.Future[list[Address]], found: list[Address], failure: Exception | None) -> None:
    if lookup.done():
        return
    if failure:
        lookup.set_exception(failure)
    else:
        lookup.set_result(found)


def _addresses(name: str, family: int) -> list[Address]:
    # Windows knows no localhost where no network has an address.
    alone = os.name == "nt" and name.rstrip(".").casefold() == "localhost"
    flags = 0 if alone else socket.AI_ADDRCONFIG
    found = []
    for kind, _, proto, _, address in socket.getaddrinfo(name, None, family, socket.SOCK_STREAM, flags=flags):
        host = address[0]
        if len(address) == 4 and address[3]:  # noqa: PLR2004  with its scope, which makes sense on one link only
            host = socket.getnameinfo(address, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0]
        if isinstance(host, str):  # else a Python without IPv6
            found.append(Address(kind, host, proto))
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "no address")
    return found
