"""What a client goes by: where the server is, with which key, and every bound with its number."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from usage_client.secret import Secret
from usage_client.use_line import BadUse, check_text

MIB = 1024 * 1024


class Misconfigured(ValueError):
    """The client cannot work as it was set up; the message says what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every bound of a client; times are in seconds.

    A body holds at most `batch_uses` uses and is sent `flush_every` after the first of them (with
    coalescing: after `coalesce_every`). Beyond `spool_bytes` on the disk (all processes that share the
    folder) uses wait in memory, and beyond `memory_uses` the newest use is dropped, counted and logged.
    """

    flush_every: float = 1.0
    coalesce_every: float = 10.0
    batch_uses: int = 1000
    memory_uses: int = 10_000
    spool_bytes: int = 256 * MIB
    sync_every: float = 1.0
    adopt_every: float = 30.0
    heartbeat_every: float = 3600.0
    send_timeout: float = 10.0
    check_timeout: float = 1.0
    close_timeout: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A client's settings, checked."""

    server: str
    api_key: Secret
    service: str
    reporter: str
    spool: Path | None
    limits: Limits


def settle(  # noqa: PLR0913 - each may be said
    environ: Mapping[str, str],
    *,
    server: str | None,
    api_key: str | Secret | None,
    service: str,
    reporter: str | None,
    spool: Path | str | None,
    limits: Limits | None,
    allow_plain_http: bool,
) -> Settings:
    """What was said, else what the environment says; Misconfigured where that will not do."""
    address = server or environ.get("KEYLEDGER_SERVER")
    if not address:
        raise Misconfigured(
            "no server: give server= or set KEYLEDGER_SERVER, such as https://keys.example.com"
        )
    key = api_key or environ.get("KEYLEDGER_API_KEY")
    if not key:
        raise Misconfigured(
            "no key: give api_key= or set KEYLEDGER_API_KEY to a key with the scope uses:append"
        )
    _check_address(address, allow_plain_http=allow_plain_http)
    secret = key if isinstance(key, Secret) else Secret(key.strip())
    if not secret.reveal().isascii() or not secret.reveal().isprintable():
        raise Misconfigured("the key holds characters that no key has; was a file's line end left in it?")
    for name, text in (("service", service), ("reporter", reporter or service)):
        _check_name(name, text)
    return Settings(
        server=address.rstrip("/"),
        api_key=secret,
        service=service,
        reporter=reporter or service,
        spool=None if spool is None else Path(spool),
        limits=limits or Limits(),
    )


def may_go_by_proxy(server: str) -> bool:
    """Whether a proxy that the environment names may be on the way: never where keys go in the clear here."""
    parts = urlsplit(server)
    return parts.scheme == "https" or not _is_loopback(parts.hostname or "")


def _check_name(name: str, text: str) -> None:
    if not text:
        raise Misconfigured(f"{name} is empty; name what is called with the keys, such as payments")
    try:
        check_text(name, text)
    except BadUse as error:
        raise Misconfigured(str(error)) from None


def _check_address(address: str, *, allow_plain_http: bool) -> None:
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Misconfigured(f"{_shown(address)} is no address of a server, such as https://keys.example.com")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise Misconfigured("the server's address holds more than host, port and path; the key goes apart")
    if parts.scheme == "http" and not allow_plain_http and not _is_loopback(parts.hostname):
        raise Misconfigured(
            f"http://{parts.hostname} would show the key to the network: use https://,"
            " or allow_plain_http=True where something else encrypts the way"
        )


def _shown(address: str) -> str:
    """An address as far as it may be shown: whoever mixes up the two arguments gives the key here."""
    return repr(address) if "://" in address and "@" not in address else "what was given"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
