"""What the middlewares have in common, whatever a request is: a scope of ASGI or an environment of WSGI."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypedDict, TypeVar

from usage_client.client import UsageClient
from usage_client.presented import DEFAULT_HEADER, Refusal, presented_key, refusal_of
from usage_client.quiet_log import LOGGER
from usage_client.verdict import Verdict

ERRORS_FROM = 400

AppT = TypeVar("AppT")
RequestT = TypeVar("RequestT")


@dataclass(frozen=True, slots=True)
class Reads(Generic[RequestT]):
    """How a request is read: a header by its name, and the address that it came from."""

    header: Callable[[RequestT, str], str | None]
    address: Callable[[RequestT], str | None]


class Circumstances(TypedDict):
    """Who presented a key, as far as it is known."""

    caller: str | None
    source_ip: str | None
    user_agent: str | None


class Gate(Generic[AppT, RequestT]):
    """Before an application: who has a valid key passes, and who is exempt."""

    _reads: Reads[RequestT]

    def __init__(  # noqa: PLR0913 - each has its default
        self,
        app: AppT,
        client: UsageClient,
        *,
        header: str = DEFAULT_HEADER,
        bearer: bool = True,
        required: bool = True,
        exempt: Callable[[RequestT], bool] = lambda _: False,
        caller_of: Callable[[RequestT], str | None] = lambda _: None,
    ) -> None:
        self._app = app
        self._client = client
        self._header = header
        self._bearer = bearer
        self._required = required
        self._exempt = exempt
        self._caller_of = caller_of

    def _key(self, request: RequestT) -> str | None:
        return presented_key(
            lambda name: self._reads.header(request, name), self._header, bearer=self._bearer
        )

    def _passes(self, verdict: Verdict | None) -> bool:
        return verdict.valid if verdict else not self._required

    def _refusal(self, verdict: Verdict | None) -> Refusal:
        return refusal_of(verdict, self._header, bearer=self._bearer)

    def _circumstances(self, request: RequestT) -> Circumstances:
        return _circumstances(self._reads, self._caller_of, request)


class Report(Protocol):
    """Tells of the use of a request's key; the first time counts."""

    def __call__(self, *, error: bool) -> None: ...


class Witness(Generic[AppT, RequestT]):
    """Beside an application that checks keys itself: tells of their uses."""

    _reads: Reads[RequestT]

    def __init__(
        self,
        app: AppT,
        client: UsageClient,
        *,
        key_of: Callable[[RequestT], str | None],
        caller_of: Callable[[RequestT], str | None] = lambda _: None,
    ) -> None:
        self._app = app
        self._client = client
        self._key_of = key_of
        self._caller_of = caller_of

    def _report_of(self, request: RequestT) -> Report:
        reported = False

        def report(*, error: bool) -> None:
            nonlocal reported
            if not reported:
                reported = True
                self._tell(request, error=error)

        return report

    def _tell(self, request: RequestT, *, error: bool) -> None:
        try:
            key = self._key_of(request)
            if key:
                told = _circumstances(self._reads, self._caller_of, request)
                self._client.record(key=key, error=error, **told)
        except Exception:  # noqa: BLE001 - the service's own functions may fail, and its answer must not
            LOGGER.exception("key_of or caller_of failed, so that a use is not reported")


def _circumstances(
    reads: Reads[RequestT], caller_of: Callable[[RequestT], str | None], request: RequestT
) -> Circumstances:
    return {
        "caller": caller_of(request),
        "source_ip": reads.address(request),
        "user_agent": reads.header(request, "user-agent"),
    }
