"""The one polite HTTP client: API calls of the sources, and downloads of their pictures.

Both name themselves honestly, pace themselves per host, wait as long as a host asks, and end. Addresses that a search
names are not trusted: http and https only, public addresses only, every redirect looked at again, bytes capped while
they stream. Addresses that a person set (a source's base address) are.
"""

import asyncio
import email.utils
import ipaddress
import random
import re
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import aiohttp
import requests
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from negbuild import __version__
from negbuild.errors import SourceError
from negbuild.model import Answer, Skip, SkipReason

_RETRIED = {408, 425, 429, 500, 502, 503, 504}
_REDIRECTS = {301, 302, 303, 307, 308}
_REFUSALS = {401, 402, 403, 407, 451}
_GONE = {404, 410}
_ATTEMPTS = 5
_MOST_REDIRECTS = 5
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Manners:
    """How the client behaves: who it says it is, and what it allows. Times are in seconds."""

    contact: str = ""
    allow_private: bool = False
    max_bytes: int = 32 * 2**20
    connections_per_host: int = 4
    deadline: float = 60.0
    longest_wait: float = 90.0

    @property
    def user_agent(self) -> str:
        """Name of the tool, its version, and whom to write to."""
        contact = f"contact: {self.contact}" if self.contact else "no contact given"
        return f"negbuild/{__version__} (builds image datasets; {contact})"


class _RefusedAddressError(OSError):
    """A name that leads to an address which is not public."""


class _Resolver(AbstractResolver):
    """Resolves a name once, and refuses it unless every address it has is public."""

    def __init__(self, *, allow_private: bool) -> None:
        self._inner = aiohttp.ThreadedResolver()
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not self._allow_private:
            for result in found:
                if not is_public(result["host"]):
                    raise _RefusedAddressError(f"{host} is {result['host']}")
        return found

    async def close(self) -> None:
        await self._inner.close()


class Web:
    """The client; use it as an asynchronous context manager."""

    def __init__(self, manners: Manners) -> None:
        self._manners = manners
        self._closing = threading.Event()
        self._not_before: dict[str, float] = {}
        self._slots: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(manners.connections_per_host))
        self._api = requests.Session()
        self._api.trust_env = False
        self._api.max_redirects = _MOST_REDIRECTS
        self._api.headers["User-Agent"] = manners.user_agent
        self._downloads: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        resolver = _Resolver(allow_private=self._manners.allow_private)
        self._downloads = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=resolver, limit=64),
            headers={"User-Agent": self._manners.user_agent, "Accept": "image/*,*/*;q=0.5"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._api.close()
        await self._downloads.close()

    def get(self, url: str, params: Mapping[str, str | int] | None = None) -> Answer:
        """Make one API call; a busy service is asked again as it wishes, `longest_wait` seconds at most.

        Returns the last answer, whatever its status; raises SourceError where nobody answers.
        """
        host = urlsplit(url).netloc
        for attempt in range(_ATTEMPTS):
            try:
                response = self._api.get(url, params=params, timeout=(10, 30))
            except requests.RequestException as error:
                wait: float | None = backoff(attempt)
                if attempt == _ATTEMPTS - 1:
                    raise SourceError(f"{host}: cannot be reached ({_cause(error)})") from error
            else:
                answer = Answer(response.status_code, response.text)
                wait = asked_wait(response.headers.get("Retry-After"), answer.text)
                wait = backoff(attempt) if wait is None else wait
                if answer.status not in _RETRIED or attempt == _ATTEMPTS - 1 or wait > self._manners.longest_wait:
                    return answer
            if self._closing.wait(wait):
                break
        raise SourceError(f"{host}: not asked any more, the run is ending")

    async def fetch(self, url: str) -> bytes | Skip:
        """Download one picture, or say why not; busy and failing hosts are tried again a few times."""
        try:
            async with asyncio.timeout(self._manners.deadline + self._manners.longest_wait):
                return await self._fetch(url)
        except TimeoutError:
            return Skip(SkipReason.TIMEOUT, f"no end after {self._manners.deadline:.0f} s")

    async def _fetch(self, url: str) -> bytes | Skip:
        outcome: bytes | Skip = Skip(SkipReason.UNREACHABLE)
        for attempt in range(_ATTEMPTS):
            outcome, wait = await self._attempt(url)
            if not isinstance(outcome, Skip) or not outcome.reason.transient:
                return outcome
            wait = backoff(attempt) if wait is None else wait
            if attempt == _ATTEMPTS - 1 or wait > self._manners.longest_wait:
                break
            await asyncio.sleep(wait)
        return outcome

    async def _attempt(self, url: str) -> tuple[bytes | Skip, float | None]:
        """One try, redirects followed: the bytes or a skip, and the wait that the host asked for."""
        for _ in range(_MOST_REDIRECTS + 1):
            if refused := self._refuse(url):
                return refused, None
            host = urlsplit(url).netloc
            await asyncio.sleep(max(0.0, self._not_before.get(host, 0.0) - time.monotonic()))
            try:
                async with self._slots[host], asyncio.timeout(self._manners.deadline):
                    outcome, wait = await self._request(url)
            except TimeoutError:
                return Skip(SkipReason.TIMEOUT, f"no end after {self._manners.deadline:.0f} s"), None
            except (aiohttp.ClientError, OSError, ValueError) as error:
                return _failure(error), None
            if wait is not None and wait <= self._manners.longest_wait:
                self._not_before[host] = max(self._not_before.get(host, 0.0), time.monotonic() + wait)
            if not isinstance(outcome, str):
                return outcome, wait
            url = outcome
        return Skip(SkipReason.TOO_MANY_REDIRECTS, f"more than {_MOST_REDIRECTS}"), None

    def _refuse(self, url: str) -> Skip | None:
        """Refuse what can be refused without asking: other schemes, and addresses written as such."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            return Skip(SkipReason.BAD_URL, str(error))
        if parts.scheme not in {"http", "https"} or not host:
            return Skip(SkipReason.BAD_URL, f"{parts.scheme or 'no scheme'}")
        if not self._manners.allow_private and not is_public(host, unless_name=True):
            return Skip(SkipReason.PRIVATE_ADDRESS, host)
        return None

    async def _request(self, url: str) -> tuple[bytes | Skip | str, float | None]:
        """One request: the bytes, a skip, or the address it redirects to; and the wait that the host asked for."""
        # A signed address must arrive as it was written; only what no address may hold is quoted.
        address = URL(url, encoded=url.isascii() and " " not in url)
        async with self._downloads.get(address, allow_redirects=False) as response:
            status = response.status
            if status in _REDIRECTS and "Location" in response.headers:
                return urljoin(url, response.headers["Location"]), None
            if status != requests.codes.ok:
                return _refusal(status), asked_wait(response.headers.get("Retry-After"), "")
            data = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK):
                data += chunk
                if len(data) > self._manners.max_bytes:
                    cap = self._manners.max_bytes
                    return Skip(SkipReason.TOO_MANY_BYTES, f"more than {cap:,} bytes", cap), None
            return bytes(data), None


def is_public(host: str, *, unless_name: bool = False) -> bool:
    """Whether an IP address is reachable from everywhere: no private, link-local, shared or mapped one.

    A host name is what `unless_name` says: its addresses are looked at when it is resolved.
    """
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return unless_name
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in ipaddress.ip_network("64:ff9b::/96"):  # NAT64, RFC 6052
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast


def asked_wait(retry_after: str | None, text: str) -> float | None:
    """Seconds that a service asks to wait: Retry-After (RFC 9110, 10.2.3) or, in words, Django REST framework's."""
    value = (retry_after or "").strip()
    if value.isdecimal():
        return float(value)
    if value:
        moment = email.utils.parsedate_to_datetime(value) if _is_date(value) else None
        return max(0.0, moment.timestamp() - time.time()) if moment else None
    said = re.search(r"Expected available in (\d+) second", text)
    return float(said[1]) if said else None


def backoff(attempt: int) -> float:
    """Seconds before the next attempt: exponential with full jitter, so that clients do not wake together."""
    return random.uniform(0, 0.5 * 2**attempt)  # noqa: S311  no secret


def _is_date(value: str) -> bool:
    return email.utils.parsedate(value) is not None


def _refusal(status: int) -> Skip:
    if status in _RETRIED:
        reason = SkipReason.THROTTLED
    elif status in _GONE:
        reason = SkipReason.GONE
    else:
        reason = SkipReason.REFUSED if status in _REFUSALS else SkipReason.HTTP_ERROR
    return Skip(reason, f"HTTP {status}")


def _failure(error: Exception) -> Skip:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, _RefusedAddressError):
            return Skip(SkipReason.PRIVATE_ADDRESS, str(cause))
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return Skip(SkipReason.BAD_URL, str(error)[:200])
    return Skip(SkipReason.UNREACHABLE, f"{type(error).__name__}: {error}"[:200])


def _cause(error: Exception) -> str:
    text = str(error)
    for known in ("Connection refused", "Name or service not known", "timed out", "Max retries", "redirects"):
        if known in text:
            return known.lower()
    return type(error).__name__
