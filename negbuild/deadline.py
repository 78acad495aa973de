"""Deadlines for the head and for the body of an answer, which hold also against one that comes a byte at a time."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress

import requests


def begun_within(send: Callable[[], requests.Response], seconds: float) -> requests.Response:
    """Send a request, and give the answer once its head is there; raises Timeout where that takes longer.

    Sockets know a limit for each byte only, and the lookup of a name none at all: it is a thread that is waited for,
    and left to itself where it takes too long.
    """
    answer: Future[requests.Response] = Future()
    threading.Thread(target=_send, args=(send, answer), name="call", daemon=True).start()
    with suppress(TimeoutError):
        return answer.result(seconds)
    if answer.cancel():
        raise requests.Timeout
    return answer.result()


def _send(send: Callable[[], requests.Response], answer: "Future[requests.Response]") -> None:
    try:
        response = send()
    except BaseException as error:  # noqa: BLE001  raised again where it is waited for
        if answer.set_running_or_notify_cancel():
            answer.set_exception(error)
        return
    if answer.set_running_or_notify_cancel():
        answer.set_result(response)
    else:
        response.close()


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
