"""Only this server's own page may ask it: other sites' pages, and other names for it, are refused.

A page of any site may send requests to loopback from the browser of somebody who visits it. It can't read the
answers, unless its name is made to mean 127.0.0.1 after it was loaded (DNS rebinding). So the name in each
request must be loopback's, and where the browser tells who asks, it must be this page.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What `liked` takes with as many items as may be liked, and as much to spare.
MOST_CHARACTERS = 4000
# Nothing but this page's own files and answers is loaded, run or shown, and no other page shows it in a frame.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """An ASGI application that hands requests of this page on to another, and refuses all others.

    Args:
        app: the application behind it.
        port: that the server listens on.
    """

    def __init__(self, app: ASGIApp, port: int):
        self._app = app
        # Port 80 is that of http, and is left out.
        ports = ("", ":80") if port == 80 else (f":{port}",)
        self._hosts = {f"{name}{each}" for name in ("127.0.0.1", "localhost") for each in ports}
        self._address = f"http://127.0.0.1{ports[0]}/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = self._refusal(scope)
        app = self._app if refusal is None else refusal
        await app(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return error(421, f"This page must be asked for as {self._address}")
        if not self._is_ours(headers, scope["path"], f"http://{hosts[0].lower()}"):
            return error(403, "Requests must come from this page. Received: one from another")
        if len(scope["query_string"]) > MOST_CHARACTERS:
            return error(414, f"A request must have at most {MOST_CHARACTERS:,} characters")
        return None

    @staticmethod
    def _is_ours(headers: Headers, path: str, own_origin: str) -> bool:
        """Return whether the request comes from our page, or from none; any page may link to it."""
        told = [headers.get(f"sec-fetch-{name}", "") for name in ("site", "mode", "dest")]
        follows_link = told[1:] == ["navigate", "document"] and path == "/"
        is_from_here = told[0] in ("", "none", "same-origin")
        return (is_from_here or follows_link) and headers.get("origin", own_origin).lower() == own_origin


def error(status: int, sentence: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return the answer for a request that can't be answered: one sentence."""
    return JSONResponse({"error": sentence}, status, headers)
