"""Who may ask: only the browser of the person who started the server."""

import hmac
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

__all__ = ["Guard", "hosts_of"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HTTP = 80

# The page's own files and numbers, and nothing from a network; nobody may put it in a frame.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def hosts_of(port: int) -> tuple[str, ...]:
    """The names by which a browser on this machine may call a port."""
    names = ("127.0.0.1", "localhost")
    bare = names if port == HTTP else ()  # which browsers leave out
    return *(f"{name}:{port}" for name in names), *bare


class Guard:
    """Lets a request through that knows the token and comes from the page itself.

    The token is the first part of every path. A page of another site does not know it; were the
    name of that site pointed at this machine (DNS rebinding), its Host header would give it away,
    and so does the Origin of a request that it has a browser send.

    Args:
        app: What answers; it sees paths without the token.
        token: The token.
        hosts: The values of the Host header that are allowed.
    """

    def __init__(self, app: App, token: str, hosts: Collection[str]) -> None:
        self.app, self.token, self.hosts = app, token, tuple(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or refuses it."""
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await PlainTextResponse(*refusal, headers=HEADERS)(scope, receive, send)
            return

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        path = "/" + scope["path"].lstrip("/").partition("/")[2]
        inner = {**scope, "path": path, "raw_path": path.encode(), "root_path": ""}
        await self.app(inner, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> tuple[str, int] | None:
        headers = Headers(scope=scope)
        if headers.get("host") not in self.hosts:
            return (
                f"This server answers to {' or '.join(self.hosts)} alone; where its port is "
                "forwarded, the local port has to be the same."
            ), 421
        first, slash, _ = scope["path"].lstrip("/").partition("/")
        if not slash or not hmac.compare_digest(first.encode(), self.token.encode()):
            return "Open the address that pyrovae explore printed.", 403
        if scope["method"] not in ("GET", "HEAD"):
            origin = headers.get("origin", "")
            if origin not in {f"http://{host}" for host in self.hosts}:
                return "Only the page itself may ask.", 403
        return None
