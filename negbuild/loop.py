"""The event loop that a crawl runs in."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the quicker event loop, where there is one: Windows has none."""
    try:
        import uvloop
    except ImportError:
        return None

    class Loop(uvloop.Loop):
        """Connects to an address without having it looked up.

        uvloop's `sock_connect` does so without the type of the socket, so that its own short way for addresses is not
        taken, and each connection waits for one of the four threads of its pool.
        """

        async def getaddrinfo(self, host: Any, port: Any, *, type: int = 0, **how: Any) -> Any:  # noqa: A002, ANN401
            return await super().getaddrinfo(host, port, type=type or socket.SOCK_STREAM, **how)

    return Loop
