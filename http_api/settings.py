"""What a server goes by; every limit is a number."""

from pathlib import Path

import msgspec

KIB = 1024

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8431


class Limits(msgspec.Struct, frozen=True):
    """How much a client may send, how long it may take, and how often it may ask.

    Sizes are in bytes and times in seconds. `requests_a_minute` counts what one key costs in one process.
    """

    body: int = 64 * KIB
    head: int = 16 * KIB
    head_s: float = 10
    request_s: float = 60
    keep_alive_s: int = 15
    shutdown_s: int = 30
    connections: int = 1000
    backlog: int = 1024
    requests_a_minute: int = 600


class ServerSettings(msgspec.Struct, frozen=True):
    """Where the ledger is and how it is served; a key may stand in `key_header` instead of Authorization."""

    url: str
    pepper_file: Path | None = None
    policy: str | None = None
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    workers: int = 1
    tls_cert: Path | None = None
    tls_key: Path | None = None
    behind_tls_proxy: bool = False
    proxy_addresses: tuple[str, ...] = ("127.0.0.1", "::1")
    key_header: str = "api-key"
    log_requests: bool = True
    limits: Limits = Limits()

    @property
    def is_secure(self) -> bool:
        """Whether clients come by TLS, to here or to a proxy in front."""
        return self.behind_tls_proxy or self.tls_cert is not None
