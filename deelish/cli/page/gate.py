"""What keeps others out of the page: hosts, origins, sizes and rates, before a body is used."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Bytes of a picture, and requests a second with how many at once after a pause.
MOST_BYTES, RATE, BURST = 12_000_000, 20.0, 60.0
# Nothing from elsewhere is loaded, run or framed; pictures may be made by the page itself.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:;"
    " media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
SAFE = ("GET", "HEAD")
TOO_LARGE = 413


class Gate:
    """An ASGI application that refuses what no page of this machine sends.

    Args:
        app: the application behind it.
        hosts: the names by which a browser may reach it, without the port. A page elsewhere whose
            name leads here (DNS rebinding) has another one. None for any name.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], hosts: Iterable[str] | None) -> None:
        self._app, self._hosts = app, None if hosts is None else frozenset(hosts)
        self._tokens, self._filled = BURST, time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            if refusal[0] != TOO_LARGE:
                await _pass_over(receive)
            await _respond(send, *refusal)
            return
        await self._app(scope, _limited(receive), _with_headers(send))

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if self._hosts is not None and _name(host) not in self._hosts:
            return 400, "this page is for this machine; open the address that deelish printed"
        if scope["method"] not in SAFE and headers.get("origin") != f"http://{host}":
            return 403, "another site may not use this page"
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MOST_BYTES:
            return TOO_LARGE, f"a picture may have {MOST_BYTES:,} bytes"
        return None if self._takes() else (429, "too many requests; wait a second")

    def _takes(self) -> bool:
        """Whether one more request is within the rate."""
        now = time.monotonic()
        self._tokens = min(BURST, self._tokens + (now - self._filled) * RATE)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class TooLarge(Exception):
    """A body that grows beyond its limit while it is read; its length need not be stated."""


def _limited(receive: Receive) -> Receive:
    read = 0

    async def counting() -> MutableMapping[str, Any]:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > MOST_BYTES:
            raise TooLarge
        return message

    return counting


async def _pass_over(receive: Receive) -> None:
    """Drop the body: who closes on what is still coming resets the connection, answer and all."""
    limited, more = _limited(receive), True
    while more:
        try:
            more = (await limited()).get("more_body", False)
        except TooLarge:
            return


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *_raw(HEADERS)]
        await send(message)

    return sending


async def _respond(send: Send, status: int, text: str) -> None:
    headers = {**HEADERS, "content-type": "text/plain; charset=utf-8", "connection": "close"}
    start = {"type": "http.response.start", "status": status, "headers": _raw(headers)}
    await send(start)
    await send({"type": "http.response.body", "body": text.encode()})


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(key.encode(), value.encode()) for key, value in headers.items()]


def _name(host: str) -> str:
    """The name in a Host header, without its port: ``[::1]:80`` is ``[::1]``."""
    return host[: host.rfind("]") + 1] if host.startswith("[") else host.partition(":")[0]
