"""A page that a test serves in a thread, on a port of its own."""

import contextlib
import socket
import threading
import time

import uvicorn

from deelish.cli.page.app import Page
from deelish.cli.page.predicting import ServedNetworks
from deelish.cli.serve import NAMES


@contextlib.contextmanager
def served(paths, log=None, hosts=NAMES):
    """The address of a page of these networks, while the block runs."""
    page = Page(ServedNetworks([str(path) for path in paths]), log)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(page.application(hosts), log_level="error", limit_concurrency=256)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
