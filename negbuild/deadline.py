"""Deadlines for the head and for the body of an answer, which hold also against one that comes a byte at a time."""

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class _Call:
    """One request under way: what comes of it, and the connection that it goes over."""

    def __init__(self) -> None:
        self.answer: Future[requests.Response] = Future()
        self.connection: HTTPConnection | None = None

    def send(self, send: Callable[[], requests.Response]) -> None:
        """Send the request; to be run in a thread of its own."""
        _own.call = self
        try:
            response = send()
        except BaseException as error:  # noqa: BLE001  raised again where it is waited for
            if self.answer.set_running_or_notify_cancel():
                self.answer.set_exception(error)
            return
        if self.answer.set_running_or_notify_cancel():
            self.answer.set_result(response)
        else:
            response.close()

    def end(self) -> None:
        """End the connection: the host is not to have one more than it allows."""
        socket_ = self.connection and self.connection.sock
        if socket_:
            with suppress(OSError, ValueError):  # it has just ended of itself
                socket_.shutdown(socket.SHUT_RDWR)


_own = threading.local()


class _Known(HTTPConnection):
    def request(self, *args: Any, **named: Any) -> None:  # noqa: ANN401  as they are
        if call := getattr(_own, "call", None):
            call.connection = self
        super().request(*args, **named)


class _KnownSafe(_Known, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Known


class _SafePool(HTTPSConnectionPool):
    ConnectionCls = _KnownSafe


class Adapter(HTTPAdapter):
    """Makes connections that `begun_within` can end, where no proxy makes them."""

    def init_poolmanager(self, *args: Any, **named: Any) -> None:  # noqa: ANN401  as they are
        """Make the pools of connections."""
        super().init_poolmanager(*args, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SafePool}


def begun_within(send: Callable[[], requests.Response], seconds: float) -> requests.Response:
    """Send a request, and give the answer once its head is there; raises Timeout where that takes longer.

    Sockets know a limit for each byte only, and the lookup of a name none at all: it is a thread that is waited for,
    and left to itself where it takes too long, without its connection.
    """
    call = _Call()
    threading.Thread(target=call.send, args=(send,), name="call", daemon=True).start()
    with suppress(TimeoutError):
        return call.answer.result(seconds)
    if call.answer.cancel():
        call.end()
        raise requests.Timeout
    return call.answer.result()


@contextmanager
def within(response: requests.Response, seconds: float) -> Iterator[None]:
    """Read a body in this context; raises Timeout where that takes longer.

    Who reads waits for a whole chunk, however slowly it comes and however it is packed, so that somebody else has to
    look at the clock and end the connection.
    """
    late = threading.Event()

    def end() -> None:
        late.set()
        with suppress(OSError, RuntimeError, ValueError):  # it has just ended of itself
            response.raw.shutdown()

    watch = threading.Timer(seconds, end)
    watch.daemon = True
    watch.start()
    try:
        yield
    except requests.RequestException:
        if not late.is_set():
            raise
    finally:
        watch.cancel()
    if late.is_set():
        raise requests.Timeout
