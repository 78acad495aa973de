"""API calls of the sources: few, one after the other, paced as their hosts wish, and counted against what is granted.

Their addresses are those that a person or an adapter set, so they are trusted, and their redirects as far as they stay
on the same host.
"""

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from http import HTTPStatus
from urllib.parse import urljoin

import requests

from negbuild.addresses import host_of
from negbuild.deadline import begun_within, within
from negbuild.download import ATTEMPTS, MOST_REDIRECTS
from negbuild.errors import Moved, QuotaExhausted, SourceError, Unreachable
from negbuild.hosts import Hosts, asked_wait, backoff, is_retried
from negbuild.lines import lines_of
from negbuild.manners import Manners
from negbuild.source import Answer
from negbuild.switchboard import Switchboard

_MOST_BYTES = 64 * 2**20
_TIMEOUT = (10, 20)  # seconds to connect, and between two bytes
_CHUNK = 2**16
_KEEPING = {307, 308}  # redirects after which the same is sent again (RFC 9110, 15.4.8)
_LOOK_AGAIN = 0.05  # seconds, where all connections to a host are busy


class Calls:
    """What an adapter may ask of the web (source.Web); safe to be used by one thread and ended by another."""

    def __init__(self, manners: Manners, hosts: Hosts, switchboard: Switchboard) -> None:
        self._manners = manners
        self._hosts = hosts
        self._closing = threading.Event()
        self._switchboard = switchboard
        self._session = requests.Session()
        self._session.trust_env = manners.use_proxy
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, switchboard.adapter)
        self._session.headers["User-Agent"] = manners.user_agent
        self.wind_down: Callable[[], None] = self._closing.set
        """Have nothing more asked for."""

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
        """Read a text of any length, packed by gzip or not, without holding more than a line; raises SourceError.

        Where the connection breaks, the rest is asked for: lists are of gigabytes, and are read as slowly as their
        pictures are fetched.
        """
        return lines_of(self._stream(url), url)

    def _stream(self, url: str) -> Iterator[bytes]:
        """Bytes of a file of any length; what is missing after a break is asked for by its range (RFC 9110, 14)."""
        name, read, version, failures = host_of(url), 0, "", 0
        host = self._hosts[name]
        while True:
            wait, answered = None, False
            try:
                with ExitStack() as opened:
                    with self._turn(name):  # no longer: pictures of the same host, which are fetched meanwhile, need it
                        response = opened.enter_context(self._answered(_rest_of(url, read, version)))
                    begin = read
                    if _goes_on(response, read, version):
                        version = version or _version(response)
                        for chunk in self._chunks(response):
                            self._sleep(0)
                            read, failures = read + len(chunk), 0
                            yield chunk
                        host.answered()
                        if _is_last(response, read):
                            return
                        if read > begin:
                            continue
                    error, answered = _not_given(name, url, response.status_code), True
                    may_pass = is_retried(response.status_code)
                    wait = asked_wait(response.headers.get("Retry-After"))
            except (requests.RequestException, ValueError) as broken:
                fault = f"{url} broke off" if read else "cannot be reached"
                error = Unreachable(f"{name}: {fault} ({_cause(broken)}); run the same command later")
                may_pass = not read or version != ""
            if not may_pass:
                raise error
            failures += 1
            host.failed(answered=answered)
            host.rest(wait or 0.0)
            if failures == ATTEMPTS or host.closed(self._manners.longest_wait):
                raise error
            self._sleep(max(backoff(failures - 1), wait or 0.0))

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        """Bytes of a body, so many at once that each time has the deadline of a whole call."""
        came, chunk = response.iter_content(_CHUNK), b"so far"
        while chunk:
            chunk = b""
            with within(response, self._manners.deadline):
                while len(chunk) < _CHUNK and (more := next(came, b"")):
                    chunk += more
            yield chunk

    def _made(self, request: requests.Request) -> Answer:
        name = host_of(request.url)
        host = self._hosts[name]
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            self._spend(name)
            try:
                with self._turn(name):
                    answer, wait = self._ask(request)
            except (requests.RequestException, ValueError) as error:  # chunks and addresses that are none
                host.failed(answered=False)
                if last or host.closed(self._manners.longest_wait):
                    raise Unreachable(
                        f"{name}: cannot be reached ({_cause(error)}); run the same command later"
                    ) from error
                wait = None
            else:
                if not wait and not is_retried(answer.status):
                    host.answered()
                    return answer
                host.failed(answered=True)
                host.rest(wait or 0.0)
                if last or host.closed(self._manners.longest_wait):
                    return answer
            self._sleep(max(backoff(attempt), wait or 0.0))
        raise AssertionError("unreachable")

    def _ask(self, request: requests.Request) -> tuple[Answer, float | None]:
        """Make one request: the answer, and the wait that it asks for."""
        with self._answered(request) as response:
            text = self._text(host_of(request.url), response)
            # MediaWiki asks for a wait with status 200, too, where its databases lag behind (Manual:Maxlag parameter).
            said = text if is_retried(response.status_code) else ""  # results hold words of anybody
            wait = asked_wait(response.headers.get("Retry-After"), said)
            return Answer(response.status_code, text, response.url), wait

    @contextmanager
    def _answered(self, request: requests.Request) -> Iterator[requests.Response]:
        """Make one request, redirects on the same host followed, and give the response before its body is read."""
        name = host_of(request.url)
        for _ in range(MOST_REDIRECTS + 1):
            prepared = self._session.prepare_request(request)
            settings = self._session.merge_environment_settings(prepared.url, {}, True, None, None)
            send = partial(self._session.send, prepared, timeout=_TIMEOUT, allow_redirects=False, **settings)
            with begun_within(send, self._manners.deadline) as response:
                target = self._session.get_redirect_target(response)
                if target is None:
                    yield response
                    return
                url = urljoin(response.url, target)
            if host_of(url).removeprefix("www.") != name.removeprefix("www."):
                raise Moved(f"{name}: has moved to {host_of(url)}; set its address, if that is right", url)
            kept = response.status_code in _KEEPING
            data = request.data if kept else None
            request = requests.Request(request.method if kept else "GET", url, headers=request.headers, data=data)
        raise SourceError(f"{name}: redirects more than {MOST_REDIRECTS} times")

    def _text(self, name: str, response: requests.Response) -> str:
        body = bytearray()
        with within(response, self._manners.deadline):
            for chunk in response.iter_content(_CHUNK):
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise SourceError(f"{name}: answers with more than {_MOST_BYTES:,} bytes")
        return _decoded(body, response)

    def _spend(self, name: str) -> None:
        """Count one call against what the service grants; wait for that if it is soon."""
        allowances = self._manners.allowances.get(name)
        if not allowances:
            return
        ledger = self._switchboard.ledger()
        while wait := ledger.spend(name, allowances):
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


def _decoded(body: bytearray, response: requests.Response) -> str:
    """Decode a text as its type says, if that names an encoding; else as UTF-8, which JSON always is, if it is that."""
    if "charset" not in response.headers.get("Content-Type", "").lower():
        with suppress(UnicodeDecodeError):
            return body.decode()
    with suppress(LookupError, ValueError):
        return body.decode(response.encoding or "utf-8", "replace")
    return body.decode("utf-8", "replace")


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


def _rest_of(url: str, read: int, version: str) -> requests.Request:
    """Ask for a file from a byte on, as its own bytes: a packing on the way would make ranges meaningless."""
    rest = {"Range": f"bytes={read}-", "If-Range": version} if read else {}
    return requests.Request("GET", url, headers={"Accept-Encoding": "identity", **rest})


def _goes_on(response: requests.Response, read: int, version: str) -> bool:
    """Whether an answer holds the file from byte `read` on, in the same version, which not all hosts look at."""
    status, begin = (HTTPStatus.PARTIAL_CONTENT, f"bytes {read}-") if read else (HTTPStatus.OK, "")
    same = not read or response.headers.get("ETag", version) == version
    return same and response.status_code == status and response.headers.get("Content-Range", "").startswith(begin)


def _is_last(response: requests.Response, read: int) -> bool:
    """Whether an answer went to the end of the file: a host may give less than was asked for (RFC 9110, 14.2)."""
    size = response.headers.get("Content-Range", "").rpartition("/")[2]
    return response.status_code == HTTPStatus.OK or not size.isdecimal() or int(size) <= read


def _version(response: requests.Response) -> str:
    """Strong validator of the file (RFC 9110, 13.1.5), or nothing where its rest cannot be asked for."""
    etag = response.headers.get("ETag", "")
    return "" if "Content-Encoding" in response.headers or etag.startswith("W/") else etag


def _not_given(name: str, url: str, status: int) -> SourceError:
    if is_retried(status):
        return Unreachable(f"{name}: answered {status} for {url}; run the same command later")
    if status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        return SourceError(f"{name}: {url} has changed while it was read; run the same command again")
    return SourceError(f"{name}: answered {status} for {url}; is the address right")
