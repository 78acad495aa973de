"""A deadline for the body of an answer, which holds also against one that comes a byte at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import requests


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
