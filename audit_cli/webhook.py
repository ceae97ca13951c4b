"""A signed HTTP POST to a webhook, tried several times within a bound."""

import base64
import hmac
import ssl
import threading
from collections.abc import Callable, Sequence
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

import msgspec

from ledger.errors import InvalidInput, KeyledgerError
from ledger.hosts import is_this_machine

TRY_TIMEOUT_S = 10.0
LEAST_TIMEOUT_S = 0.1
PAUSES_S = (0.5, 2.0, 8.0)
# All tries and pauses together.
DEADLINE_S = 60.0

_SECRET_PREFIX = "whsec_"  # noqa: S105 - what a secret begins with
_SECRET_BYTES = range(24, 65)
_WORTH_ANOTHER_TRY = frozenset({408, 425, 429})
_SERVER_ERROR = 500


class NotDelivered(KeyledgerError):
    """The webhook did not take it; the message never repeats the address, which may be a secret."""


class Webhook(msgspec.Struct, frozen=True):
    """Where to post, and the key to sign with; None leaves it unsigned."""

    url: str
    key: bytes | None = None

    def __repr__(self) -> str:
        return f"Webhook({self.host!r})"

    @property
    def host(self) -> str:
        """The machine that the webhook is on, which may be told."""
        return urlsplit(self.url).hostname or ""


class Clock(msgspec.Struct, frozen=True):
    """What tells the seconds since 1970, and what waits for some."""

    now: Callable[[], float]
    sleep: Callable[[float], object]


def webhook(url: str, secret: str | None) -> Webhook:
    """A webhook by its address and, as `whsec_<base64>`, its secret; InvalidInput for what is neither."""
    return Webhook(_checked(url.strip()), None if secret is None else _key(secret.strip()))


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature as Standard Webhooks has it: `v1,` and HMAC-SHA-256 over id, moment and body."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def post(
    hook: Webhook,
    message_id: str,
    body: bytes,
    agent: str,
    clock: Clock,
    pauses: Sequence[float] = PAUSES_S,
) -> None:
    """Post JSON until it is taken; NotDelivered where it never was. The id is the same in each try."""
    began = clock.now()
    for pause in (*pauses, None):
        left = began + DEADLINE_S - clock.now()
        request = Request(hook.url, body, _headers(hook, message_id, int(clock.now()), body, agent))  # noqa: S310 - checked
        answer = _tried(request, hook, max(min(TRY_TIMEOUT_S, left), LEAST_TIMEOUT_S))
        if answer.is_taken:
            return
        wait = max(pause or 0, answer.retry_after)
        if pause is None or not answer.is_worth_another_try or clock.now() + wait > began + DEADLINE_S:
            raise NotDelivered(f"{hook.host} {answer.reason}")
        clock.sleep(wait)


class _Answer(msgspec.Struct, frozen=True):
    reason: str
    is_taken: bool = False
    is_worth_another_try: bool = True
    retry_after: float = 0.0


class _StayingHere(HTTPRedirectHandler):
    """Follows nobody: whoever answers for the address could send the message anywhere."""

    def redirect_request(self, *_: Any) -> None:  # noqa: ANN401 - as the library hands them over
        return None


def _tried(request: Request, hook: Webhook, timeout: float) -> _Answer:
    """One try, in a thread of its own: a server that answers in drops is not waited for either."""
    answers: list[_Answer] = []
    thread = threading.Thread(target=lambda: answers.append(_answer(request, hook, timeout)), daemon=True)
    thread.start()
    thread.join(timeout)
    return answers[0] if answers else _Answer(f"did not answer within {timeout:.0f}s")


def _answer(request: Request, hook: Webhook, timeout: float) -> _Answer:
    proxies = ProxyHandler({} if is_this_machine(hook.host) else None)
    opener = build_opener(_StayingHere, proxies, HTTPSHandler(context=ssl.create_default_context()))
    try:
        with opener.open(request, timeout=timeout) as response:
            return _Answer(f"answered with {response.status}", is_taken=True)
    except HTTPError as error:
        with error:
            return _refusal(error.code, error.headers.get("Retry-After", ""))
    except TimeoutError:
        return _Answer(f"did not answer within {timeout:.0f}s")
    except URLError as error:
        return _Answer(f"cannot be reached: {_why(error.reason)}")
    except (OSError, HTTPException, ValueError) as error:
        return _Answer(f"broke off: {_why(error)}")


def _refusal(status: int, retry_after: str) -> _Answer:
    if status in range(300, 400):
        return _Answer(f"sends elsewhere ({status}), which is not followed", is_worth_another_try=False)
    return _Answer(
        f"answered with {status}",
        is_worth_another_try=status in _WORTH_ANOTHER_TRY or status >= _SERVER_ERROR,
        retry_after=_seconds(retry_after),
    )


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) <= len("86400") else 0.0


def _why(error: object) -> str:
    """The system's own words; never the library's, which may quote the address."""
    match error:
        case ssl.SSLCertVerificationError(verify_message=str(reason)):
            return reason
        case TimeoutError():
            return "it took too long"
        case OSError(strerror=str(reason)):
            return reason
        case _:
            return type(error).__name__


def _headers(hook: Webhook, message_id: str, timestamp: int, body: bytes, agent: str) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": agent,
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
    }
    if hook.key is not None:
        headers["webhook-signature"] = signature(hook.key, message_id, timestamp, body)
    return headers


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InvalidInput("the webhook's address is no URL; write one such as https://host/path") from None
    if not host or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidInput("the webhook's address is no URL; write one such as https://host/path")
    if parts.username is not None:
        raise InvalidInput("the webhook's address has a user name in it; sign with a secret instead")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_this_machine(host)):
        raise InvalidInput(f"the webhook on {host} is not https; only one on this machine may be http")
    return url


def _key(secret: str) -> bytes:
    complaint = (
        "the webhook's secret is not whsec_ and the base64 of 24 to 64 bytes;"
        " make one with: echo whsec_$(openssl rand -base64 32)"
    )
    if not secret.startswith(_SECRET_PREFIX):
        raise InvalidInput(complaint)
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except ValueError:
        raise InvalidInput(complaint) from None
    if len(key) not in _SECRET_BYTES:
        raise InvalidInput(complaint)
    return key
