"""Opening the page in a browser, without its token on a command line that other users can read."""

import os
import threading
import webbrowser
from contextlib import suppress
from html import escape
from pathlib import Path

__all__ = ["open_page"]

REDIRECT = """<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0;url={address}">
<title>pyrovae explore</title>
<a href="{address}">Explore</a>
"""


def open_page(address: str, folder: str | os.PathLike[str]) -> threading.Thread:
    """Opens an address in a browser, in a thread of its own, since some browsers block.

    The browser is given a file that leads to the address, and that this user alone can read.

    Args:
        address: The address.
        folder: Where the file is written; it has to be there until the browser has read it.

    Returns:
        The thread.
    """
    file = Path(folder) / "explore.html"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(REDIRECT.format(address=escape(address)))

    def show() -> None:
        with suppress(webbrowser.Error, OSError):  # the address has been printed
            webbrowser.open(file.absolute().as_uri())

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    return thread
