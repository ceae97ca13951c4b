"""What the middlewares have in common: where a key is presented, and what is answered to a refused one."""

from collections.abc import Callable
from dataclasses import dataclass
from json import dumps

from usage_client.verdict import UNAVAILABLE, Verdict

VERDICT = "keyledger.verdict"
DEFAULT_HEADER = "api-key"

_BEARER = "bearer "
_RETRY_S = 5

NO_KEY = "no-key"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer instead of the service's own."""

    status: int
    phrase: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def presented_key(header_of: Callable[[str], str | None], header: str, *, bearer: bool) -> str | None:
    """The key in the header of that name, else the bearer token."""
    key = header_of(header)
    if key:
        return key.strip()
    authorization = header_of("authorization") if bearer else None
    if authorization and authorization[: len(_BEARER)].lower() == _BEARER:
        return authorization[len(_BEARER) :].strip() or None
    return None


def refusal_of(verdict: Verdict | None, header: str, *, bearer: bool) -> Refusal:
    """The answer to a verdict that is not valid; None: no key was presented."""
    if verdict is None:
        places = f"in the header {header}" + (" or as `Authorization: Bearer`" if bearer else "")
        return _refusal(401, "Unauthorized", NO_KEY, f"present an API key {places}", bearer=bearer)
    match verdict.reason:
        case "unknown":
            return _refusal(401, "Unauthorized", "unknown-key", "the API key is not known", bearer=bearer)
        case reason if reason == UNAVAILABLE:
            return _refusal(
                503, "Service Unavailable", UNAVAILABLE, "API keys cannot be checked now; try again shortly"
            )
        case reason:
            return _refusal(403, "Forbidden", f"{reason}-key", f"the API key is {reason}")


def _refusal(status: int, phrase: str, slug: str, detail: str, *, bearer: bool = False) -> Refusal:
    problem = {"type": f"urn:keyledger:problem:{slug}", "title": phrase, "status": status, "detail": detail}
    body = dumps(problem).encode()
    headers = [("content-type", "application/problem+json"), ("content-length", str(len(body)))]
    if bearer:
        headers.append(("www-authenticate", "Bearer"))
    if slug == UNAVAILABLE:
        headers.append(("retry-after", str(_RETRY_S)))
    return Refusal(status, phrase, tuple(headers), body)
