"""Slashes in names: an encoded one in a path belongs to a name, and ends no part of the path.

The framework decodes a path before it takes it apart. A name holds no NUL, so that one stands for a slash on
the way from here to the operation.
"""

from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

_STAND_IN = "\0"


class EncodedSlashes:
    """An ASGI application around another, for which slashes that were encoded are none."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        raw: bytes = scope.get("raw_path") or b""
        if b"%2f" in raw or b"%2F" in raw:
            parts = raw.decode("latin-1").split("/")
            scope["path"] = "/".join(unquote(part).replace("/", _STAND_IN) for part in parts)
        await self._app(scope, receive, send)


def with_slashes(name: str) -> str:
    """The name that a part of a path is."""
    return name.replace(_STAND_IN, "/")
