"""A server of a small model, in a thread of this process."""

import threading
from contextlib import contextmanager

import uvicorn

from pyrovae.cli.explore.server import application
from pyrovae.cli.explore.serving import listen
from pyrovae.cli.runs import Run
from pyrovae.explorer import Explorer

TOKEN = "a-token-of-the-tests"


def explorer_of(folder):
    run = Run(folder)
    return Explorer(run.model("cpu"), run.data, run.split(), title="VAE of digits")


@contextmanager
def served(explorer):
    """The address of the page, while the block runs."""
    listener = listen(0)
    port = listener.getsockname()[1]
    app = application(explorer, token=TOKEN, port=port)
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/{TOKEN}/"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
