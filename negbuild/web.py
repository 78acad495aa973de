"""The one polite HTTP client: API calls of the sources, and downloads of their pictures.

Both name themselves honestly, pace themselves per host, wait as long as a host asks, and end. Addresses that a search
names are not trusted; addresses that a person set (a source's base address) are, and their redirects as far as they
stay on the same host.
"""

import math
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Self
from urllib.parse import urljoin

import requests

from negbuild.addresses import host_of
from negbuild.download import ATTEMPTS, MOST_REDIRECTS, REDIRECTS, Downloads
from negbuild.errors import SourceError
from negbuild.hosts import Host, Hosts, asked_wait, backoff, is_retried
from negbuild.ledger import Ledger
from negbuild.manners import Manners
from negbuild.model import Answer

_MOST_BYTES = 64 * 2**20
_TIMEOUT = (10, 20)  # seconds to connect, and between two bytes
_CHUNK = 2**16
_LOOK_AGAIN = 0.05  # seconds, where all connections to a host are busy


class Web:
    """The client; use it as an asynchronous context manager."""

    def __init__(self, manners: Manners) -> None:
        self._manners = manners
        self._hosts = Hosts(manners.pace)
        self._downloads = Downloads(manners, self._hosts)
        self.fetch, self.release = self._downloads.fetch, self._downloads.release
        self._closing = threading.Event()
        self._ledger: Ledger | None = None
        self._api = requests.Session()
        self._api.trust_env = manners.use_proxy
        self._api.headers["User-Agent"] = manners.user_agent

    async def __aenter__(self) -> Self:
        await self._downloads.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()
        await self._downloads.__aexit__(*error)

    def close(self) -> None:
        """Ask for nothing more; enough where nothing is downloaded."""
        self.wind_down()
        self._api.close()
        if self._ledger:
            self._ledger.close()

    def wind_down(self) -> None:
        """Wait for no host any more; what is being read goes on."""
        self._closing.set()
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

    def get(self, url: str, params: Mapping[str, str | int] | None = None) -> Answer:
        """Make one API call; a busy service is asked again as it wishes, `longest_wait` seconds at most.

        Returns the last answer, whatever its status; raises SourceError where nobody answers, or where the allowance
        that the service grants is used up.
        """
        name = host_of(url)
        host = self._hosts[name]
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            self._spend(name)
            try:
                with self._turn(name, host):
                    answer, wait = self._ask(url, params)
            except requests.RequestException as error:
                host.failed(answered=False)
                if last or host.closed(self._manners.longest_wait):
                    raise SourceError(f"{name}: cannot be reached ({_cause(error)})") from error
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

    def _ask(self, url: str, params: Mapping[str, str | int] | None) -> tuple[Answer, float | None]:
        """Make one request, redirects on the same host followed: the answer, and the wait that it asks for."""
        name = host_of(url)
        for _ in range(MOST_REDIRECTS + 1):
            with self._api.get(url, params=params, timeout=_TIMEOUT, allow_redirects=False, stream=True) as response:
                if response.status_code in REDIRECTS and "Location" in response.headers:
                    url, params = urljoin(response.url, response.headers["Location"]), None
                    if host_of(url).removeprefix("www.") != name.removeprefix("www."):
                        raise SourceError(f"{name}: has moved to {host_of(url)}; set its address, if that is right")
                    continue
                text = self._text(name, response)
                return Answer(response.status_code, text), asked_wait(response.headers.get("Retry-After"), text)
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
                raise SourceError(
                    f"{name}: grants {granted}, and they are used up; run the same command in {_duration(wait)}"
                )
            self._sleep(wait)

    @contextmanager
    def _turn(self, name: str, host: Host) -> Iterator[None]:
        """Hold one of the host's connections, waiting for it as the host wishes."""
        while True:
            if closed := host.closed(self._manners.longest_wait):
                raise SourceError(
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
