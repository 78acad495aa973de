"""The server of the light table: loopback only, and nothing without the token.

The token is part of every address, so that no browser sends it along by itself as it would a cookie. Host and Origin
are checked all the same: a name that a foreign site points here (DNS rebinding) is refused before anything is read.
The browser is started with a key that opens the page once, because others may see the arguments of programs.
"""

import asyncio
import json
import os
import secrets
import signal
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from aiohttp import web

from negbuild.errors import NegbuildError, UsageError, WorkspaceBusy
from negbuild.lighttable.pages import details_json, layout_json, update_json
from negbuild.lighttable.table import Layout, Table, Update
from negbuild.names import whole_characters
from negbuild.ruling import Ruling, Verdict
from negbuild.store import Store
from negbuild.thumbnails import Thumbnails, shown

ADDRESS = "127.0.0.1"
_LARGE = 1600  # pixels of the longer side in the large view
_PAINTERS = 3  # pictures decoded at once, which bounds the memory they take
_LARGEST_BODY = 4 * 2**20  # bytes: the names of 200,000 pictures
_NAME = r"{name:[0-9a-f]{16}}"
_STATIC = {"": "index.html", "icon.svg": "icon.svg", "review.css": "review.css", "review.js": "review.js"}
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_KEPT = {"Cache-Control": "private, max-age=31536000, immutable"}  # a picture is named by what it is
_ASKED = {"Cache-Control": "no-store"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Opened:
    """Where the page is: the address to show, and the one for the browser, which works once."""

    address: str
    once: str


def serve(table: Table, store: Store, thumbnails: Thumbnails, port: int, announce: Callable[[Opened], None]) -> None:
    """Serve until the process is asked to end (SIGINT, SIGTERM); `announce` is called when the page can be opened.

    Port 0 takes any free one. Raises UsageError where the port cannot be had.
    """
    with asyncio.Runner() as runner:
        runner.run(_Server(table, store, thumbnails).run(port, announce))


class _Server:
    def __init__(self, table: Table, store: Store, thumbnails: Thumbnails) -> None:
        self._table, self._store, self._thumbnails = table, store, thumbnails
        self._token, self._once = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self._hosts: frozenset[str] = frozenset()
        self._layout_now: tuple[Layout | None, bytes] = None, b""
        self._clerk = ThreadPoolExecutor(1, "catalog")
        self._painters = ThreadPoolExecutor(_PAINTERS, "painter")

    async def run(self, port: int, announce: Callable[[Opened], None]) -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            except NotImplementedError:  # Windows: Ctrl-C cancels
                break
        runner = web.AppRunner(self._app(), access_log=None, handler_cancellation=True, shutdown_timeout=2)
        await runner.setup()
        try:
            site = web.TCPSite(runner, ADDRESS, port)
            try:
                await site.start()
            except OSError as error:
                why = os.strerror(error.errno or 0).lower()  # asyncio's own text repeats the address
                raise UsageError(f"port {port}: cannot be used ({why}); choose another --port") from error
            port = runner.addresses[0][1]
            await self._ask(self._laid_out)  # so that the first page need not wait for it
            self._hosts = frozenset({f"{ADDRESS}:{port}", f"localhost:{port}"})
            announce(Opened(*(f"http://{ADDRESS}:{port}/{key}" for key in (f"{self._token}/", self._once))))
            await stop.wait()
        finally:
            await runner.cleanup()
            self._painters.shutdown(wait=False, cancel_futures=True)
            self._clerk.shutdown()

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=_LARGEST_BODY)
        pages: dict[str, Handler] = {
            "layout": self._layout,
            "changes": self._changes,
            f"details/{_NAME}": self._details,
            f"thumbnail/{_NAME}": self._thumbnail,
            f"picture/{_NAME}": self._picture,
        }
        steps: dict[str, Handler] = {"verdicts": self._decide, "undo": self._undo, "redo": self._redo}
        app.add_routes([web.get(f"/{{token}}/{place}", handler) for place, handler in pages.items()])
        app.add_routes([web.post(f"/{{token}}/{place}", handler) for place, handler in steps.items()])
        app.add_routes([web.get(f"/{{token}}/{place}", _static(file)) for place, file in _STATIC.items()])
        app.add_routes([web.get("/{once}", self._open)])
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what does not come from our own page, whatever it asks for; give every answer its headers."""
        try:
            self._check(request)
            response = await handler(request)
        except web.HTTPException as error:
            response = web.Response(status=error.status, text=f"{error.text}\n", headers=_allowed(error))
        except LookupError:
            response = web.Response(status=404, text="no picture of that name is held\n")
        except UsageError as error:
            response = web.Response(status=400, text=f"{error}\n")
        except WorkspaceBusy as error:
            response = web.Response(status=503, text=f"{error}\n")
        except NegbuildError as error:  # a full disk, a damaged catalog: nothing was written
            response = web.Response(status=500, text=f"{error}\n")
        response.headers.update(_HEADERS)
        response.headers.setdefault("Cache-Control", _ASKED["Cache-Control"])
        return response

    def _check(self, request: web.Request) -> None:
        if request.headers.get("Host") not in self._hosts:
            raise web.HTTPForbidden(text="another host")
        origin = request.headers.get("Origin")
        writes = request.method not in {"GET", "HEAD"}
        if (origin is not None or writes) and origin != f"http://{request.headers['Host']}":
            raise web.HTTPForbidden(text="another origin")
        if writes and request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="JSON is wanted")
        given = request.path.split("/")[1].encode("utf-8", "replace")
        once = request.path.count("/") == 1 and secrets.compare_digest(given, self._once.encode())
        if not once and not secrets.compare_digest(given, self._token.encode()):
            raise web.HTTPForbidden(text="another token: open the address that `negbuild review` printed")

    async def _open(self, _request: web.Request) -> web.StreamResponse:
        self._once = secrets.token_urlsafe(24)  # it has done its duty
        return web.Response(status=303, headers={"Location": f"/{self._token}/"})

    async def _layout(self, _request: web.Request) -> web.StreamResponse:
        return _json(await self._ask(self._laid_out))

    def _laid_out(self) -> bytes:
        """Write the layout, once for as long as it stays the same; in the thread of the catalog."""
        layout = self._table.layout()
        if layout is not self._layout_now[0]:
            self._layout_now = layout, layout_json(layout)
        return self._layout_now[1]

    async def _changes(self, request: web.Request) -> web.StreamResponse:
        since = _row(request.query.get("since"))
        return await self._updated(lambda: self._table.update(since))

    async def _decide(self, request: web.Request) -> web.StreamResponse:
        given = await _body(request)
        names, since = given.get("names"), _row(given.get("since"))
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise web.HTTPBadRequest(text="names: must be a list of names")
        ruling = _ruling(given)
        return await self._updated(lambda: self._table.decide(names, ruling, since))

    async def _undo(self, request: web.Request) -> web.StreamResponse:
        since = _row((await _body(request)).get("since"))
        return await self._updated(lambda: self._table.undo(since))

    async def _redo(self, request: web.Request) -> web.StreamResponse:
        since = _row((await _body(request)).get("since"))
        return await self._updated(lambda: self._table.redo(since))

    async def _details(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        return _json(await self._ask(lambda: details_json(self._table.details(name))))

    async def _thumbnail(self, request: web.Request) -> web.StreamResponse:
        return await self._painted(request, self._thumbnails.read)

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        return await self._painted(request, lambda image: shown(self._store, image, _LARGE))

    async def _painted(self, request: web.Request, paint: Callable[[Any], bytes]) -> web.StreamResponse:
        image = self._table.image(request.match_info["name"])
        try:
            data = await asyncio.get_running_loop().run_in_executor(self._painters, paint, image)
        except NegbuildError as error:
            raise web.HTTPNotFound(text=str(error)) from error
        return web.Response(body=data, content_type="image/jpeg", headers=_KEPT)

    async def _updated(self, work: Callable[[], Update]) -> web.StreamResponse:
        """Do one piece of work to its end, even if the browser goes away meanwhile, and answer when it is written."""
        return _json(await asyncio.shield(self._ask(lambda: update_json(work()))))

    def _ask(self, work: Callable[[], bytes]) -> asyncio.Future[bytes]:
        return asyncio.get_running_loop().run_in_executor(self._clerk, work)


def _static(file: str) -> Handler:
    data = files("negbuild.lighttable").joinpath("static", file).read_bytes()

    async def give(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=data, content_type=_TYPES[file.rpartition(".")[2]], charset="utf-8")

    return give


def _json(data: bytes) -> web.Response:
    return web.Response(body=data, content_type="application/json")


def _allowed(error: web.HTTPException) -> dict[str, str]:
    return {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        given = json.loads(await request.read())
    except (ValueError, RecursionError, web.RequestPayloadError):
        given = None
    if not isinstance(given, dict):
        raise web.HTTPBadRequest(text="a JSON object is wanted")
    return given


def _row(given: object) -> int:
    """Read the number of a row in the log; bools are no numbers."""
    text = given if isinstance(given, str) else str(given) if type(given) is int else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 15):  # noqa: PLR2004  digits
        raise web.HTTPBadRequest(text="since: must be the number of a row")
    return int(text)


def _ruling(given: dict[str, Any]) -> Ruling:
    verdict, category = given.get("verdict"), given.get("category", "")
    if verdict not in list(Verdict) or not isinstance(category, str):
        raise web.HTTPBadRequest(text=f"verdict: must be one of {', '.join(filter(None, Verdict))}")
    return Ruling(Verdict(verdict), whole_characters(category) if verdict == Verdict.MOVE else "")
