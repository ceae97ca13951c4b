"""WSGI middleware (Flask, Django): check the key of each request, or report its use."""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from usage_client.client import UsageClient
from usage_client.presented import DEFAULT_HEADER, VERDICT, presented_key, refusal_of
from usage_client.quiet_log import LOGGER
from usage_client.verdict import Verdict

Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[..., Any]
App: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]

_ERRORS_FROM = 400


class CheckKeys:
    """Asks the server about the key of each request, which records the use there.

    The verdict is in `environ["keyledger.verdict"]`; all else is as in `usage_client.asgi.CheckKeys`.
    """

    def __init__(  # noqa: PLR0913 - each has its default
        self,
        app: App,
        client: UsageClient,
        *,
        header: str = DEFAULT_HEADER,
        bearer: bool = True,
        required: bool = True,
        exempt: Callable[[Environ], bool] = lambda _: False,
        caller_of: Callable[[Environ], str | None] = lambda _: None,
    ) -> None:
        self._app = app
        self._client = client
        self._header = header
        self._bearer = bearer
        self._required = required
        self._exempt = exempt
        self._caller_of = caller_of

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if self._exempt(environ):
            return self._app(environ, start_response)
        verdict = environ[VERDICT] = self._verdict(environ)
        if verdict.valid if verdict else not self._required:
            return self._app(environ, start_response)
        refusal = refusal_of(verdict, self._header, bearer=self._bearer)
        start_response(f"{refusal.status} {refusal.phrase}", list(refusal.headers))
        return [refusal.body]

    def _verdict(self, environ: Environ) -> Verdict | None:
        key = presented_key(lambda name: header_of(environ, name), self._header, bearer=self._bearer)
        if key is None:
            return None
        return self._client.check(
            key,
            caller=self._caller_of(environ),
            source_ip=environ.get("REMOTE_ADDR"),
            user_agent=header_of(environ, "user-agent"),
        )


class ReportUses:
    """Reports the use of a key that the service itself has checked; what it answered tells success or error.

    `key_of` gives the key's id (never its secret) of a request that the service has dealt with, or None.
    """

    def __init__(
        self,
        app: App,
        client: UsageClient,
        *,
        key_of: Callable[[Environ], str | None],
        caller_of: Callable[[Environ], str | None] = lambda _: None,
    ) -> None:
        self._app = app
        self._client = client
        self._key_of = key_of
        self._caller_of = caller_of

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        reported = False

        def report(*, error: bool) -> None:
            nonlocal reported
            if not reported:
                reported = True
                self._report(environ, error=error)

        def watch(status: str, *more: Any) -> Any:  # noqa: ANN401 - handed on as it is
            report(error=int(status[:3]) >= _ERRORS_FROM)
            return start_response(status, *more)

        try:
            return self._app(environ, watch)
        except BaseException:
            report(error=True)
            raise

    def _report(self, environ: Environ, *, error: bool) -> None:
        try:
            key = self._key_of(environ)
            if key:
                self._client.record(
                    key=key,
                    caller=self._caller_of(environ),
                    source_ip=environ.get("REMOTE_ADDR"),
                    user_agent=header_of(environ, "user-agent"),
                    error=error,
                )
        except Exception:  # noqa: BLE001 - the service's own functions may fail, and its answer must not
            LOGGER.exception("key_of or caller_of failed, so that a use is not reported")


def header_of(environ: Environ, name: str) -> str | None:
    """A header as the server hands it over."""
    text: str | None = environ.get(f"HTTP_{name.upper().replace('-', '_')}")
    return text
