"""What hosts ask of robots: robots.txt (RFC 9309), and the X-Robots-Tag of an answer."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from protego import Protego

from negbuild.addresses import origin_of
from negbuild.model import Skip, SkipReason

TOKEN = "negbuild"  # noqa: S105  the name that robots.txt calls the crawler by
LONGEST_ROBOTS = 500 * 1024
"""Bytes of a robots.txt that are read (RFC 9309, 2.5)."""

# What stands behind the name, as a version does, is no part of it (RFC 9309, 2.2.1).
_NAMED = re.compile(rf"^(\s*user-agent\s*:\s*){TOKEN}(?![\w-]).*", re.IGNORECASE | re.MULTILINE)
_US = f"_{TOKEN}"  # as the parser gets it, which takes "neg" for the beginning of the name otherwise
_MOST_ORIGINS = 4096
_LONGEST_DELAY = 30.0  # seconds between two requests; what asks for more is a way of saying no
# Answers that mean there is no robots.txt, so that everything is allowed (RFC 9309, 2.3.1.3).
_ABSENT = {SkipReason.GONE, SkipReason.REFUSED, SkipReason.HTTP_ERROR, SkipReason.TOO_MANY_REDIRECTS}
# Nobody answered: whoever tries a picture again asks again, so that a host that is down becomes known for it.
_ASKED_AGAIN = {SkipReason.UNREACHABLE, SkipReason.TIMEOUT, SkipReason.TOO_SLOW, SkipReason.HOST_DOWN}
OF_THE_HOST = _ASKED_AGAIN | {SkipReason.NO_SUCH_HOST, SkipReason.BAD_CERTIFICATE, SkipReason.PRIVATE_ADDRESS}
"""What is wrong with a whole host, so that its pictures fail in the same way."""

_DIRECTIVES = {
    "noai": SkipReason.NOAI,
    "noimageai": SkipReason.NOIMAGEAI,
    "noindex": SkipReason.NOINDEX,
    "none": SkipReason.NOINDEX,  # noindex and nofollow
    "noimageindex": SkipReason.NOIMAGEINDEX,
    "noml": SkipReason.NOML,
}
_WITH_VALUE = {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}
# The comma within a date, "unavailable_after: Wed, 25 Jun 2036 15:00:00 GMT", parts no directives.
_WEEKDAY = re.compile(r"(unavailable_after\s*:\s*(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*)\s*,")


class Rules:
    """What one robots.txt says to negbuild."""

    def __init__(self, text: str) -> None:
        """Parse the file; an empty one allows everything."""
        lines = "\n".join(text.splitlines())  # they may end in a CR alone (RFC 9309, 2.2), which `re` takes for no end
        self._parsed = Protego.parse(_NAMED.sub(rf"\1{_US}", lines)) if text.strip() else None
        asked = self._parsed.crawl_delay(_US) if self._parsed else None
        self.delay = min(float(asked or 0.0), _LONGEST_DELAY)
        """Seconds between two requests."""

    def refusal(self, url: str) -> Skip | None:
        """Say why an address may not be fetched, if so."""
        if self._parsed is None or self._parsed.can_fetch(url, _US):
            return None
        return Skip(SkipReason.ROBOTS, f"disallowed by {origin_of(url)}/robots.txt")


class Robots:
    """The robots.txt of each origin; one that came is asked for once in a run."""

    def __init__(self, ask: Callable[[str], Awaitable[bytes | Skip]], read: dict[str, Rules]) -> None:
        """Use `ask` to fetch the first bytes of one robots.txt; `read` holds those of a run, by origin."""
        self._ask, self._rules = ask, read
        self._known: OrderedDict[str, asyncio.Future[Rules | Skip]] = OrderedDict()

    async def rules(self, url: str) -> Rules | Skip:
        """Rules of the origin of an address, or why nothing there may be fetched."""
        origin = origin_of(url)
        if read := self._rules.get(origin):
            return read
        if origin not in self._known:
            # The first to come asks, everybody else waits for the same answer.
            self._known[origin] = asyncio.ensure_future(self._read(origin))
            if len(self._known) > _MOST_ORIGINS:
                self._known.popitem(last=False)
        rules = self._known[origin]
        try:
            return rules.result() if rules.done() else await asyncio.shield(rules)
        except BaseException:
            if rules.done():  # a failure of our own is no answer of the host
                self._known.pop(origin, None)
            raise

    def close(self) -> None:
        """Stop asking."""
        for rules in self._known.values():
            rules.cancel()

    async def _read(self, origin: str) -> Rules | Skip:
        url = f"{origin}/robots.txt"
        answer = await self._ask(url)
        if not isinstance(answer, Skip) or answer.reason in _ABSENT:
            if len(self._rules) >= _MOST_ORIGINS:
                del self._rules[next(iter(self._rules))]
            self._rules[origin] = Rules("" if isinstance(answer, Skip) else answer.decode("utf-8-sig", "replace"))
            return self._rules[origin]
        if answer.reason in _ASKED_AGAIN:
            self._known.pop(origin, None)
        if answer.reason in OF_THE_HOST:
            return answer
        # The host is there and cannot say: disallowed for now (2.3.1.4), in whatever way it fails to.
        return replace(answer, reason=SkipReason.ROBOTS_UNREACHABLE, detail=f"{url}: {answer.detail}"[:200])


def opt_out(tags: Iterable[str]) -> Skip | None:
    """Read X-Robots-Tag headers: the first directive, for everybody or for negbuild, that asks to be left alone.

    Directives are parted by commas; by semicolons or spaces too, since who writes that means the same.
    """
    for tag in tags:
        addressee = ""
        for part in re.split("[,;]", _WEEKDAY.sub(r"\1 ", tag.lower())):
            name, colon, rest = (text.strip() for text in part.partition(":"))
            if colon and name not in _WITH_VALUE:  # "bot: directive" holds until the next bot is named
                addressee, name = name.partition("/")[0].rstrip(), rest
            if addressee in {"", "*", TOKEN} and (asked := next(filter(_DIRECTIVES.get, name.split()), None)):
                return Skip(_DIRECTIVES[asked], f"X-Robots-Tag: {tag}"[:200])
    return None
