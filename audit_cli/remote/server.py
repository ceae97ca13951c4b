"""A server of the HTTP API, as commands speak to it: one question, one answer, and problems in one line."""

import ssl
from collections.abc import Mapping
from http.client import HTTPException
from typing import TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

import msgspec

from ledger import __version__
from ledger.errors import KeyledgerError
from ledger.hosts import is_this_machine
from ledger.organization import validate_email
from ledger.secret import Secret, mask_secrets

TIMEOUT_S = 60
MAX_ANSWER = 512 << 20

_NOT_AUTHENTICATED = 401
_MAX_PROBLEM = 64 << 10

T = TypeVar("T")


class ServerRefused(KeyledgerError):
    """The server said no, or cannot be reached; its words, which hold no secret."""


class Problem(msgspec.Struct):
    """What the server says of why not, as RFC 9457 has it."""

    detail: str = ""
    title: str = ""


class Caller(msgspec.Struct):
    """Who the key makes its caller."""

    organization: str
    key_id: str | None
    key_name: str | None
    scopes: list[str]
    on_behalf_of: str | None


class Server(msgspec.Struct, frozen=True):
    """Where it is, and as whom it is asked; `source` says where the key was found.

    `policy` is that of the settings, which audits go by where none is named.
    """

    address: str
    key: Secret
    source: str
    org: str | None = None
    member: str | None = None
    policy: str | None = None

    def __repr__(self) -> str:
        return f"Server({self.address!r})"

    def caller(self) -> Caller:
        """Who the key makes us, which is a key of the organization that was named, if one was."""
        caller = self.get("/v1/caller", Caller)
        if self.org is not None and self.org != caller.organization:
            raise ServerRefused(
                f"the key from {self.source} is of {caller.organization!r}, not of {self.org!r};"
                " give the organization's own key, or leave --org and KEYLEDGER_ORG out"
            )
        return caller

    def get(self, path: str, kind: type[T], query: Mapping[str, object] | None = None) -> T:
        """What is at a path, read as a shape; a query's None is left out, its lists are repeated."""
        said = {name: value for name, value in (query or {}).items() if value not in (None, False, [])}
        return self.decoded(self.ask("GET", path + (f"?{_encoded(said)}" if said else "")), kind)

    def post(self, path: str, kind: type[T], body: Mapping[str, object] | None = None) -> T:
        """The answer to a body, whose Nones are left out."""
        return self.decoded(self.ask("POST", path, _json(body or {})), kind)

    def patch(self, path: str, kind: type[T], body: Mapping[str, object]) -> T:
        """The same for a change; here None means none."""
        return self.decoded(self.ask("PATCH", path, msgspec.json.encode(body)), kind)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """The bytes of an answer; ServerRefused where there is none, or a problem."""
        said = {
            "Authorization": f"Bearer {self.key.reveal()}",
            "User-Agent": f"keyledger/{__version__}",
            "Accept": "application/json",
            **(headers or {}),
        }
        if body is not None:
            said["Content-Type"] = content_type
        if self.member is not None:
            # In UTF-8, which the library would not write by itself.
            said["On-Behalf-Of"] = validate_email(self.member).encode().decode("latin-1")
        request = Request(self.address + path, body, said, method=method)  # noqa: S310 - checked
        host = urlsplit(self.address).hostname or ""
        proxies = ProxyHandler({} if is_this_machine(host) else None)
        tls = HTTPSHandler(context=ssl.create_default_context())
        try:
            with build_opener(_StayingHere, proxies, tls).open(request, timeout=TIMEOUT_S) as response:
                answer: bytes = response.read(MAX_ANSWER)
        except HTTPError as error:
            raise self._refusal(error.code, _body_of(error)) from None
        except URLError as error:
            raise ServerRefused(f"{self.address} cannot be reached: {_why(error.reason)}") from None
        except (OSError, HTTPException) as error:
            raise ServerRefused(f"{self.address} broke off: {_why(error)}") from None
        return answer

    def _refusal(self, status: int, body: bytes) -> ServerRefused:
        try:
            problem = msgspec.json.decode(body, type=Problem)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            problem = Problem()
        told = mask_secrets(problem.detail or problem.title)
        if not told:
            return ServerRefused(f"{self.address} answers with {status}; is it a keyledger server?")
        if status == _NOT_AUTHENTICATED:
            return ServerRefused(f"{self.address} does not accept the key from {self.source}: {told}")
        return ServerRefused(told)

    def decoded(self, answer: bytes, kind: type[T]) -> T:
        """An answer read as a shape; ServerRefused where it is none."""
        try:
            return msgspec.json.decode(answer, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise ServerRefused(
                f"{self.address} answers with something that this keyledger cannot read;"
                " is it a keyledger server of this version?"
            ) from None


class _StayingHere(HTTPRedirectHandler):
    """The key is for the server that was named, and for no other that it may send to."""

    def redirect_request(self, *_: object) -> None:
        return None


def in_path(reference: str) -> str:
    """What names a key, as a part of a path."""
    return quote(reference, safe="")


def _encoded(query: Mapping[str, object]) -> str:
    return urlencode({name: "true" if value is True else value for name, value in query.items()}, doseq=True)


def _json(body: Mapping[str, object]) -> bytes:
    return msgspec.json.encode({name: value for name, value in body.items() if value is not None})


def _body_of(error: HTTPError) -> bytes:
    """What a problem says; nothing where it breaks off."""
    try:
        with error:
            return error.read(_MAX_PROBLEM)
    except (OSError, HTTPException):
        return b""


def _why(error: object) -> str:
    match error:
        case ssl.SSLCertVerificationError(verify_message=str(reason)):
            return f"its certificate is not accepted ({reason})"
        case TimeoutError():
            return f"it did not answer within {TIMEOUT_S} s"
        case OSError(strerror=str(reason)):
            return reason
        case _:
            return type(error).__name__
