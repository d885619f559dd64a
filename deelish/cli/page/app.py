"""The application behind the page: its files, what networks predict, and a training's log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from deelish.cli.page.gate import Gate, TooLarge
from deelish.cli.page.log import training_in
from deelish.cli.page.predicting import ServedNetworks
from deelish.errors import DataError, FileError

ASSETS = Path(__file__).parent / "assets"
# The path of each file, its name and its type.
FILES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
# Pictures that wait for the one that is computed; more are refused.
MOST_WAITING = 8


class Page:
    """The page of some networks.

    Args:
        networks: those that predict.
        log: the folder of a training's log, or None.
    """

    def __init__(self, networks: ServedNetworks, log: Path | None = None) -> None:
        self._networks, self._log, self._waiting = networks, log, 0

    def application(self, hosts: Iterable[str] | None) -> Gate:
        """The ASGI application, for browsers that reach it by one of these names; None for any."""
        routes: list[BaseRoute] = [
            Route("/api/about", self._about),
            Route("/api/predict", self._predict, methods=["POST"]),
            Route("/api/training", self._training),
            *(Route(path, _file) for path in FILES),
        ]
        return Gate(Starlette(routes=routes), hosts)

    async def _about(self, request: Request) -> Response:
        networks = [served.about() for served in self._networks.networks]
        return JSONResponse({"networks": networks, "log": self._log is not None})

    async def _predict(self, request: Request) -> Response:
        if self._waiting >= MOST_WAITING:
            return PlainTextResponse("other pictures are being looked at; try again", 503)
        self._waiting += 1
        try:
            return await self._looked_at(request)
        except TooLarge:
            return PlainTextResponse("the picture is too large", 413)
        except DataError as error:
            return PlainTextResponse(str(error), 415)
        finally:
            self._waiting -= 1

    async def _looked_at(self, request: Request) -> Response:
        data = await request.body()
        attention = request.query_params.get("attention") == "1"

        def compute() -> Response:
            return JSONResponse(self._networks.of(data, attention=attention))

        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._networks.executor, compute)

    async def _training(self, request: Request) -> Response:
        if self._log is None:
            return PlainTextResponse("deelish serve was given no --log", 404)
        try:
            return JSONResponse(training_in(self._log))
        except FileError as error:
            return PlainTextResponse(str(error), 422)


async def _file(request: Request) -> Response:
    name, kind = FILES[request.url.path]
    return Response((ASSETS / name).read_bytes(), media_type=f"{kind}; charset=utf-8")
