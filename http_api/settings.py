"""What a server goes by; every limit is a number."""

from pathlib import Path

import msgspec

KIB = 1024
MIB = 1024 * KIB

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8431
PROXIES_HERE = ("127.0.0.1", "::1")


class Limits(msgspec.Struct, frozen=True):
    """How much a client may send, how long it may take, and how often it may ask.

    Sizes are in bytes and times in seconds. `requests_a_minute` counts what one key costs in one process.
    A client must take 64 KiB of an answer, or the rest of it, in `unread_s`.
    Bodies of uses may be larger than others: so large as they are sent and when unpacked, or as an array,
    which is read as a whole. So many are read at once, of one key and of all.
    """

    body: int = 64 * KIB
    head: int = 16 * KIB
    head_s: float = 10
    request_s: float = 60
    unread_s: float = 60
    keep_alive_s: int = 15
    shutdown_s: int = 30
    connections: int = 1000
    backlog: int = 1024
    requests_a_minute: int = 600
    uses_body: int = 16 * MIB
    uses_unpacked: int = 64 * MIB
    uses_array: int = 4 * MIB
    uses_at_once: int = 8
    uses_of_key: int = 4


class ServerSettings(msgspec.Struct, frozen=True):
    """Where the ledger is and how it is served; a key may stand in `key_header` instead of Authorization.

    `proxy_addresses` are believed about who asks, `behind_tls_proxy` alone; else nobody is.
    With `records_after` a check is answered before it is on disk; `ledger.checker` states the bounds. With
    `gateway_keys` a gateway must have a key of its own. With `open_metrics` other machines may read figures.
    """

    url: str
    pepper_file: Path | None = None
    policy: str | None = None
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    workers: int = 1
    tls_cert: Path | None = None
    tls_key: Path | None = None
    behind_tls_proxy: bool = False
    proxy_addresses: tuple[str, ...] = PROXIES_HERE
    key_header: str = "api-key"
    log_requests: bool = True
    records_after: bool = False
    gateway_keys: bool = False
    open_metrics: bool = False
    limits: Limits = Limits()

    @property
    def is_secure(self) -> bool:
        """Whether clients come by TLS, to here or to a proxy in front."""
        return self.behind_tls_proxy or self.tls_cert is not None
