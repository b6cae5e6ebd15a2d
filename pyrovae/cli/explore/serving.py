"""Serving an application on this machine until Ctrl-C."""

import errno
import secrets
import socket
import tempfile
from collections.abc import Callable

from pyrovae.cli.errors import Stopped, UsageError
from pyrovae.cli.explore.browser import open_page
from pyrovae.cli.explore.guard import App
from pyrovae.cli.saying import say

__all__ = ["listen", "serve"]

LOOPBACK = "127.0.0.1"


def listen(port: int) -> socket.socket:
    """A socket on a port of the loopback address, which other machines do not reach.

    Args:
        port: The port; 0 for any that is free.

    Raises:
        UsageError: If it is in use or not to be had.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        taken = error.errno == errno.EADDRINUSE
        what = "a port that is not in use" if taken else "a port that can be listened on"
        raise UsageError("--port", f"{what} (0 takes any that is free)", port) from None
    listener.listen(128)
    return listener


def serve(make: Callable[[str, int], App], listener: socket.socket, *, browser: bool) -> None:
    """Serves until Ctrl-C.

    Args:
        make: Makes the application of a token and the port.
        listener: Where.
        browser: Whether to open the page in a browser.
    """
    import uvicorn

    token, port = secrets.token_urlsafe(24), listener.getsockname()[1]
    address = f"http://{LOOPBACK}:{port}/{token}/"
    config = uvicorn.Config(
        make(token, port),
        log_level="error",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    say(f"{address}\nCtrl-C ends it.")
    try:
        with tempfile.TemporaryDirectory(prefix="pyrovae-") as folder:

            class Opening(uvicorn.Server):
                """Opens the page once it can be served."""

                async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                    await super().startup(sockets=sockets)
                    if browser:
                        open_page(address, folder)

            Opening(config).run(sockets=[listener])
    except KeyboardInterrupt as stop:
        if isinstance(stop, Stopped):  # by another signal
            raise
    finally:
        listener.close()
    say("stopped")
