"""Downloads: one picture from an address that nobody vouches for, or the reason why not.

Every hop of a redirect is looked at like the first address; a name is resolved once, and the connection goes to an
address that was looked at; bytes are counted as they come, after unpacking.
"""

import asyncio
import math
import re
import time
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from negbuild.addresses import host_of, is_public, plain_address, refusal
from negbuild.connection import Resolver, Room, failure, final, is_of_names, is_ours
from negbuild.errors import NetworkDown
from negbuild.hosts import Host, Hosts, asked_wait, backoff, is_retried, throttled
from negbuild.manners import Manners
from negbuild.model import Skip, SkipReason, Validators
from negbuild.robots import LONGEST_ROBOTS, OF_THE_HOST, Robots, opt_out

ATTEMPTS = 5
MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})

# Where hosts of pictures send who asks for one that was taken away: Flickr and Imgur.
_TOMBSTONES = re.compile(r"/(photo_unavailable[^/]*|removed\.png)$")
_NO_UTF_8 = re.compile("[\udc80-\udcff]")  # how the client gives such bytes of a header
_TRIED_AGAIN = {SkipReason.THROTTLED, SkipReason.TIMEOUT, SkipReason.UNREACHABLE, SkipReason.TOO_SLOW}
_CONNECTIONS = 256
_ROOM = 256 * 2**20  # bytes of pictures in memory, those being read included
_LOOK_AGAIN = 0.1  # seconds, where others may yet show that our own network works


class Fetched(NamedTuple):
    """A file that came, with the version its host gives it; `unchanged`: it is the one that was asked about."""

    data: bytes
    validators: Validators
    unchanged: bool = False


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is asked for: with which headers, at most how many bytes, how often; a robots.txt is cut, not refused.

    It asks for no robots.txt of `documented` hosts.
    """

    most: int
    attempts: int = ATTEMPTS
    headers: Mapping[str, str] = field(default_factory=dict)
    robots: bool = False
    documented: Collection[str] = ()


class _Try(NamedTuple):
    """What came of asking for an address, and the host that the try ended at, redirects followed."""

    outcome: Fetched | Skip
    host: Host


class Downloads:
    """All downloads of a run; belongs to one event loop."""

    def __init__(self, manners: Manners, hosts: Hosts) -> None:
        """Make ready within the event loop."""
        self._manners, self._hosts = manners, hosts
        self._robots = Robots(self._ask_robots, hosts.robots)
        self.room = Room(max(_ROOM, 2 * manners.max_bytes), max(LONGEST_ROBOTS, manners.max_bytes))
        self._ending = asyncio.Event()
        self._network = hosts.network
        allow_private = manners.allow_private or manners.use_proxy
        self._resolver = Resolver(self._network, manners.connect, allow_private=allow_private)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=self._resolver, limit=_CONNECTIONS, ttl_dns_cache=300),
            headers={"User-Agent": manners.user_agent, "Accept": "image/*,*/*;q=0.5"},
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(manners.deadline, sock_connect=manners.connect, sock_read=manners.silence),
            trust_env=manners.use_proxy,
        )

    async def close(self) -> None:
        """Close every connection; what waits for a host is given up."""
        self._ending.set()
        self._robots.close()
        await self._session.close()

    def wind_down(self) -> None:
        """Wait for no host any more; what is being read goes on."""
        self._ending.set()

    async def fetch(self, url: str, known: Validators, manners: Manners) -> Fetched | Skip:
        """Download one file, or say why not; busy and failing hosts are tried again a few times.

        With `known`, only if it changed. How many bytes it may have, and which hosts are documented, `manners` say; the
        rest is as for all. The bytes count as held in memory until `release`. Raises NetworkDown where nothing at all
        can be reached, CancelledError where the run is ending.
        """
        asked = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
        headers = {name: value for name, value in asked.items() if value}
        wish = _Wish(manners.max_bytes, headers=headers, documented=manners.documented)
        longest = self._manners.deadline + self._manners.longest_wait
        try:
            async with asyncio.timeout(longest):
                return (await self._with_patience(url, wish)).outcome
        except TimeoutError:
            return Skip(SkipReason.TIMEOUT, f"no end after {longest:.0f} s")

    def release(self, size: int) -> None:
        """Say that so many bytes that were fetched are not needed any more."""
        self.room.give(size)

    async def _with_patience(self, url: str, wish: _Wish) -> _Try:
        """Try a few times, with a pause before each: a random one, or what the host asked for if that is longer."""
        tried = _Try(Skip(SkipReason.UNREACHABLE), self._hosts[host_of(url)])
        for attempt in range(wish.attempts):
            before, tried = tried.outcome, await self._follow(url, wish)
            outcome = tried.outcome
            if (
                attempt
                and isinstance(before, Skip)
                and isinstance(outcome, Skip)
                and outcome.reason is SkipReason.HOST_DOWN
            ):
                return _Try(replace(before, retry_at=outcome.retry_at), tried.host)
            if not isinstance(outcome, Skip) or outcome.reason not in _TRIED_AGAIN:
                break
            if attempt == wish.attempts - 1 or tried.host.closed(self._manners.longest_wait):
                break
            # The host where a redirect leads, too: else the first one would be asked again and again meanwhile.
            await self._sleep(max(backoff(attempt), tried.host.rests_for))
        return tried

    async def _follow(self, url: str, wish: _Wish) -> _Try:
        """Make one try, redirects followed."""
        host = self._hosts[host_of(url)]
        for _ in range(MOST_REDIRECTS + 1):
            host = self._hosts[host_of(url)]
            refused = refusal(url, allow_private=self._manners.allow_private)
            if refused or (not wish.robots and (refused := await self._disallowed(url, wish))):
                return _Try(refused, host)
            if closed := await self._turn(host):
                return _Try(closed, host)
            try:
                with self._network.asking():
                    step = await self._request(url, host, wish)
            finally:
                host.leave()
            if not isinstance(step, str):
                return _Try(step, host)
            if not wish.robots and (tombstone := _TOMBSTONES.search(step.partition("?")[0])):
                return _Try(Skip(SkipReason.GONE, f"in its place: {tombstone[1]}"), host)
            url = step
        return _Try(Skip(SkipReason.TOO_MANY_REDIRECTS, f"more than {MOST_REDIRECTS}"), host)

    async def _disallowed(self, url: str, wish: _Wish) -> Skip | None:
        name = host_of(url)
        if not self._manners.obey_opt_outs or name in wish.documented:
            return None
        rules = await self._robots.rules(url)
        if isinstance(rules, Skip):
            return rules
        if rules.delay:
            self._hosts[name].slow_down(rules.delay)
        return rules.refusal(url)

    async def _ask_robots(self, url: str) -> bytes | Skip:
        answer, host = await self._with_patience(url, _Wish(LONGEST_ROBOTS, attempts=2, robots=True))
        if isinstance(answer, Skip):
            elsewhere = host is not self._hosts[host_of(url)]  # what is wrong there is not wrong with the pictures here
            unreachable = elsewhere and answer.reason in OF_THE_HOST
            return replace(answer, reason=SkipReason.ROBOTS_UNREACHABLE) if unreachable else answer
        self.release(len(answer.data))
        return answer.data

    async def _turn(self, host: Host) -> Skip | None:
        """Wait for a connection to a host; return a skip where it is not worth waiting for."""
        loop = asyncio.get_running_loop()
        while True:
            if closed := host.closed(self._manners.longest_wait):
                return closed
            free = asyncio.Event()
            wait = host.enter(lambda free=free: loop.call_soon_threadsafe(free.set))  # type: ignore[misc]
            if wait == 0:
                return None
            if wait == math.inf:
                await free.wait()
            else:
                await self._sleep(wait)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._ending.wait()
        except TimeoutError:
            return
        raise asyncio.CancelledError

    async def _request(self, url: str, host: Host, wish: _Wish) -> Fetched | Skip | str:
        """Make one request: the file, a skip, or the address it redirects to; raises NetworkDown."""
        try:
            # A signed address must arrive as it was written; only what no address may hold is quoted.
            address = URL(url, encoded=url.isascii() and " " not in url)
            if plain := plain_address(address.host or ""):  # of these the client reads only some
                address = address.with_host(plain)
            if not (self._manners.allow_private or is_public(address.host or "", unless_name=True)):
                return Skip(SkipReason.PRIVATE_ADDRESS, address.host or "")  # as the client reads it
            async with self._session.get(address, headers=wish.headers, allow_redirects=False) as response:
                self._network.answered()
                outcome = await self._answer(host, response, wish)
                if isinstance(outcome, str):
                    outcome = urljoin(url, outcome)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            outcome = failure(error)
            if is_ours(error) and await self._is_down(named=is_of_names(error)):
                raise NetworkDown(f"network: cannot be used ({outcome.detail}); run the same command later") from error
        if isinstance(outcome, Skip) and outcome.reason.transient:
            host.failed(answered=outcome.reason is SkipReason.THROTTLED)
        else:
            host.answered()
        return outcome

    async def _is_down(self, *, named: bool) -> bool:
        """Whether our own network is, as one failure makes us think: wait for the others that are under way."""
        with self._network.doubting() as since:
            while not self._network.works(named=named):
                if self._network.is_silent(since):
                    # In the end of a list only bad names may be left, for longer than any proof holds.
                    return not (named and self._network.known and await self._resolver.finds_again(self._network.known))
                await self._sleep(_LOOK_AGAIN)
        return False

    async def _answer(self, host: Host, response: aiohttp.ClientResponse, wish: _Wish) -> Fetched | Skip | str:
        status, headers = response.status, response.headers
        leads_on = status in REDIRECTS and "Location" in headers
        obeys = self._manners.obey_opt_outs and not wish.robots and (leads_on or status == HTTPStatus.OK)
        if obeys and (asked := opt_out(map(_readable, headers.getall("X-Robots-Tag", [])))):
            return asked
        if leads_on:
            return _readable(headers["Location"])
        if is_retried(status):
            wait = asked_wait(headers.get("Retry-After"))
            host.rest(wait or 0.0)
            return throttled(f"HTTP {status}", wait)
        version, changed = (_readable(headers.get(name, "")) for name in ("ETag", "Last-Modified"))
        validators = Validators(version[:1000], changed[:100])
        if status == HTTPStatus.NOT_MODIFIED and wish.headers:
            return Fetched(b"", validators, unchanged=True)
        if status != HTTPStatus.OK:
            return final(status)
        data = await self._body(response, wish)
        return data if isinstance(data, Skip) else Fetched(data, validators)

    async def _body(self, response: aiohttp.ClientResponse, wish: _Wish) -> bytes | Skip:
        over = Skip(SkipReason.TOO_MANY_BYTES, f"more than {wish.most:,} bytes", wish.most)
        stated = response.content_length
        if stated is not None and stated > wish.most and not wish.robots:
            return over
        # The client knows gzip by its newer name only; the older one means the same (RFC 9110, 8.4.1.3).
        packed = response.headers.get("Content-Encoding", "").strip().lower() == "x-gzip"
        unpack = zlib.decompressobj(zlib.MAX_WBITS + 16) if packed else None
        chunks: list[bytes] = []
        size, taken, began, silence = 0, 0, time.monotonic(), self._manners.silence
        try:
            async for came in response.content.iter_any():
                chunk = unpack.decompress(came, wish.most + 1 - size) if unpack else came
                chunks.append(chunk)
                size += len(chunk)
                if size > wish.most:
                    if not wish.robots:
                        return over
                    break
                # Not all of it ahead: who says much, or nothing, and sends little would hold up everybody else.
                began += await self.room.take(len(chunk), response)
                taken = size
                seconds = time.monotonic() - began
                if seconds > silence and size < seconds * self._manners.min_speed:
                    return Skip(SkipReason.TOO_SLOW, f"{size / seconds:,.0f} bytes a second")
        except zlib.error as error:
            return Skip(SkipReason.MALFORMED, str(error))
        else:
            data = b"".join(chunks)[: wish.most]
            taken -= len(data)  # what came stays taken until it is released
            return data
        finally:
            self.room.leave(taken, response)


def _readable(header: str) -> str:
    """Write the bytes of a header that are not UTF-8 as addresses do, since no file could hold them as they are."""
    return _NO_UTF_8.sub(lambda byte: f"%{ord(byte[0]) - 0xDC00:02X}", header)
