"""WSGI middleware (Flask, Django): check the key of each request, or report its use."""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from usage_client.middleware import ERRORS_FROM, Gate, Reads, Witness
from usage_client.presented import VERDICT

Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[..., Any]
App: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]


def header_of(environ: Environ, name: str) -> str | None:
    """A header as the server hands it over."""
    text: str | None = environ.get(f"HTTP_{name.upper().replace('-', '_')}")
    return text


def _address_of(environ: Environ) -> str | None:
    text: str | None = environ.get("REMOTE_ADDR")
    return text


_READS = Reads(header_of, _address_of)


class CheckKeys(Gate[App, Environ]):
    """Asks the server about the key of each request, which records the use there.

    The verdict is in `environ["keyledger.verdict"]`; all else is as in `usage_client.asgi.CheckKeys`.
    """

    _reads = _READS

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if self._exempt(environ):
            return self._app(environ, start_response)
        key = self._key(environ)
        verdict = None if key is None else self._client.check(key, **self._circumstances(environ))
        environ[VERDICT] = verdict
        if self._passes(verdict):
            return self._app(environ, start_response)
        refusal = self._refusal(verdict)
        start_response(f"{refusal.status} {refusal.phrase}", list(refusal.headers))
        return [refusal.body]


class ReportUses(Witness[App, Environ]):
    """Reports the use of a key that the service itself has checked; what it answered tells success or error.

    `key_of` gives the key's id (never its secret) of a request that the service has dealt with, or None.
    """

    _reads = _READS

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        report = self._report_of(environ)

        def watch(status: str, *more: Any) -> Any:  # noqa: ANN401 - handed on as it is
            report(error=int(status[:3]) >= ERRORS_FROM)
            return start_response(status, *more)

        try:
            return self._app(environ, watch)
        except BaseException:
            report(error=True)
            raise
