"""API calls of the sources: few, one after the other, paced as their hosts wish, and counted against what is granted.

Their addresses are those that a person or an adapter set, so they are trusted, and their redirects as far as they stay
on the same host.
"""

import codecs
import math
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urljoin

import requests

from negbuild.addresses import host_of
from negbuild.download import ATTEMPTS, MOST_REDIRECTS, REDIRECTS
from negbuild.errors import Moved, QuotaExhausted, SourceError, Unreachable
from negbuild.hosts import Hosts, asked_wait, backoff, is_retried
from negbuild.ledger import Ledger
from negbuild.manners import Manners
from negbuild.source import Answer

_MOST_BYTES = 64 * 2**20
_TIMEOUT = (10, 20)  # seconds to connect, and between two bytes
_CHUNK = 2**16
_LONGEST_LINE = 2**20
_LOOK_AGAIN = 0.05  # seconds, where all connections to a host are busy
_GZIP = b"\x1f\x8b"


class Calls:
    """What an adapter may ask of the web (source.Web); safe to be used by one thread and ended by another."""

    def __init__(self, manners: Manners, hosts: Hosts) -> None:
        self._manners = manners
        self._hosts = hosts
        self._closing = threading.Event()
        self._ledger: Ledger | None = None
        self._session = requests.Session()
        self._session.trust_env = manners.use_proxy
        self._session.headers["User-Agent"] = manners.user_agent
        self.wind_down: Callable[[], None] = self._closing.set

    def close(self) -> None:
        """Ask for nothing more."""
        self.wind_down()
        self._session.close()
        if self._ledger:
            self._ledger.close()

    def get(
        self, url: str, params: Mapping[str, str | int] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Make one API call; a busy service is asked again as it wishes, `longest_wait` seconds at most.

        Returns the last answer, whatever its status; raises Unreachable where nobody answers, QuotaExhausted where the
        allowance that the service grants is used up, Moved where it leads to another host.
        """
        return self._made(requests.Request("GET", url, params=params, headers=headers))

    def post(self, url: str, data: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        """Send a form, else as `get`."""
        return self._made(requests.Request("POST", url, data=data, headers=headers))

    def lines(self, url: str) -> Iterator[str]:
        """Read a text of any length, packed by gzip or not, without holding more than a line; raises SourceError."""
        name = host_of(url)
        try:
            with self._turn(name), self._answered(requests.Request("GET", url)) as response:
                if response.status_code != requests.codes.ok:
                    raise SourceError(f"{name}: answered {response.status_code} for {url}; is the address right")
                self._hosts[name].answered()
                yield from _lines(response.iter_content(_CHUNK), url)
        except requests.RequestException as error:
            raise Unreachable(f"{name}: {url} broke off ({_cause(error)}); run the same command later") from error
        except (zlib.error, ValueError) as error:
            raise SourceError(f"{name}: {url} cannot be read ({error})") from error

    def _made(self, request: requests.Request) -> Answer:
        name = host_of(request.url)
        host = self._hosts[name]
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            self._spend(name)
            try:
                with self._turn(name):
                    answer, wait = self._ask(request)
            except requests.RequestException as error:
                host.failed(answered=False)
                if last or host.closed(self._manners.longest_wait):
                    raise Unreachable(f"{name}: cannot be reached ({_cause(error)})") from error
                wait = None
            else:
                if not is_retried(answer.status):
                    host.answered()
                    return answer
                host.failed(answered=True)
                host.rest(wait or 0.0)
                if last or host.closed(self._manners.longest_wait):
                    return answer
            self._sleep(backoff(attempt) if wait is None else wait)
        raise AssertionError("unreachable")

    def _ask(self, request: requests.Request) -> tuple[Answer, float | None]:
        """Make one request: the answer, and the wait that it asks for."""
        with self._answered(request) as response:
            text = self._text(host_of(request.url), response)
            wait = asked_wait(response.headers.get("Retry-After"), text)
            return Answer(response.status_code, text, response.url), wait

    @contextmanager
    def _answered(self, request: requests.Request) -> Iterator[requests.Response]:
        """Make one request, redirects on the same host followed, and give the response before its body is read."""
        name = host_of(request.url)
        for _ in range(MOST_REDIRECTS + 1):
            prepared = self._session.prepare_request(request)
            settings = self._session.merge_environment_settings(prepared.url, {}, True, None, None)
            with self._session.send(prepared, timeout=_TIMEOUT, allow_redirects=False, **settings) as response:
                if response.status_code not in REDIRECTS or "Location" not in response.headers:
                    yield response
                    return
                url = urljoin(response.url, response.headers["Location"])
            if host_of(url).removeprefix("www.") != name.removeprefix("www."):
                raise Moved(f"{name}: has moved to {host_of(url)}; set its address, if that is right", url)
            request = requests.Request("GET", url, headers=request.headers)
        raise SourceError(f"{name}: redirects more than {MOST_REDIRECTS} times")

    def _text(self, name: str, response: requests.Response) -> str:
        body, began = bytearray(), time.monotonic()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > _MOST_BYTES:
                raise SourceError(f"{name}: answers with more than {_MOST_BYTES:,} bytes")
            if time.monotonic() - began > self._manners.deadline:
                raise requests.Timeout
        return body.decode(response.encoding or "utf-8", "replace")

    def _spend(self, name: str) -> None:
        """Count one call against what the service grants; wait for that if it is soon."""
        allowances = self._manners.allowances.get(name)
        if not allowances:
            return
        self._ledger = self._ledger or Ledger()
        while wait := self._ledger.spend(name, allowances):
            if wait > self._manners.longest_wait:
                granted = " and ".join(f"{one.calls} calls in {_duration(one.seconds)}" for one in allowances)
                raise QuotaExhausted(
                    f"{name}: grants {granted}, and they are used up; run the same command in {_duration(wait)}"
                )
            self._sleep(wait)

    @contextmanager
    def _turn(self, name: str) -> Iterator[None]:
        """Hold one of the host's connections, waiting for it as the host wishes."""
        host = self._hosts[name]
        while True:
            if closed := host.closed(self._manners.longest_wait):
                raise Unreachable(
                    f"{name}: not asked now ({closed.reason}, {closed.detail}); run the same command later"
                )
            wait = host.enter()
            if wait == 0:
                break
            self._sleep(min(wait, _LOOK_AGAIN) if wait == math.inf else wait)
        try:
            yield
        finally:
            host.leave()

    def _sleep(self, seconds: float) -> None:
        if self._closing.wait(seconds):
            raise SourceError("web: not asked any more, the run is ending")


def _duration(seconds: float) -> str:
    """Write a time as a person says it."""
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{math.ceil(seconds / length)} {unit}"
    return f"{math.ceil(seconds)} seconds"


def _cause(error: Exception) -> str:
    text = str(error)  # may hold the whole address with a key in it: only known words are passed on
    known = ("Connection refused", "Name or service not known", "name resolution", "timed out", "certificate")
    return next((words.lower() for words in known if words in text), type(error).__name__)


def _lines(chunks: Iterator[bytes], url: str) -> Iterator[str]:
    """Decode bytes that come in chunks into lines, unpacking gzip by its first bytes (RFC 1952)."""
    unpack: Callable[[bytes], bytes] | None = None
    text, rest = codecs.getincrementaldecoder("utf-8")("replace"), ""
    for chunk in chunks:
        if unpack is None:
            unpack = zlib.decompressobj(zlib.MAX_WBITS + 16).decompress if chunk.startswith(_GZIP) else bytes
        *whole, rest = (rest + text.decode(unpack(chunk))).split("\n")
        if len(rest) > _LONGEST_LINE:
            raise SourceError(f"{url}: a line of more than {_LONGEST_LINE:,} characters; is it a text")
        for line in whole:
            yield line.removesuffix("\r")
    if rest:
        yield rest.removesuffix("\r")
