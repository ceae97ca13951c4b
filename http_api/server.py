"""Serving: addresses, TLS, processes, and the way from a signal to the end."""

import gc
import logging
import os
import re
import signal
import socket
import ssl
from collections.abc import Callable
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from http_api.app import create_app
from http_api.authorization import CALLER, GATEWAY_KEY, SERVICE
from http_api.caller import ON_BEHALF_OF
from http_api.desk import Desk
from http_api.envelope import REQUEST_ID
from http_api.figures import SHARED
from http_api.logs import log_config
from http_api.protocol import BoundedConfig, BoundedProtocol
from http_api.settings import PROXIES_HERE, ServerSettings
from http_api.telemetry import open_tracing
from ledger.errors import InvalidInput
from ledger.hosts import is_this_machine

# Forward secrecy and authenticated encryption alone; TLS 1.3 has nothing else.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"

_HEADER = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}", re.ASCII)
# What a server reads of them it tells again, or keeps.
_TAKEN = frozenset(
    {
        *("authorization", "host", "user-agent", "cookie", "idempotency-key", "traceparent", REQUEST_ID),
        *("content-type", "content-length", "content-encoding", "transfer-encoding", "connection", "upgrade"),
        *("expect", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"),
        *(ON_BEHALF_OF, GATEWAY_KEY, SERVICE, CALLER),
    }
)

log = logging.getLogger("http_api")


def serve(settings: ServerSettings) -> int:
    """Serve until a signal ends it; returns the exit status.

    Raises InvalidInput or LedgerUnavailable, before anything is open to clients, where it cannot be served.
    """
    require_privacy(settings)
    require_proxies(settings)
    require_header(settings.key_header)
    if settings.tls_cert is not None and settings.tls_key is not None:
        tls_context(settings.tls_cert, settings.tls_key)
    # What cannot work is told here, in the words of a command, and not by each process in its log.
    desk = Desk(settings)
    try:
        desk.ledger.require_peppers()
    finally:
        desk.close()
    if tracing := open_tracing(os.environ):
        tracing.close()
    config = config_of(settings)
    listening = _listen(settings)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "https" if settings.tls_cert else "http"
    log.info("serving %s at %s://%s:%d", desk.database.name, scheme, host, listening.getsockname()[1])
    # Uvicorn raises what ended it once more when all is done, and an end that was asked for is no failure.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    if settings.workers > 1:
        with TemporaryDirectory(prefix="keyledger-figures-") as shared:
            os.environ[SHARED] = shared
            Multiprocess(config, [listening]).run()
        return 0
    server = uvicorn.Server(config)
    server.run(sockets=[listening])
    return 0 if server.started else 1


def require_privacy(settings: ServerSettings) -> None:
    """Refuse to serve keys in the clear to other machines."""
    if (settings.tls_cert is None) is not (settings.tls_key is None):
        raise InvalidInput("--tls-cert and --tls-key go together")
    if not settings.is_secure and not is_this_machine(settings.host):
        raise InvalidInput(
            f"{settings.host} can be reached by other machines, and keys must not travel in the clear:"
            " give --tls-cert and --tls-key, or --behind-tls-proxy where a proxy in front ends TLS"
        )


def require_proxies(settings: ServerSettings) -> None:
    """Refuse what is no address of a proxy: it would be believed never, or always."""
    if settings.proxy_addresses != PROXIES_HERE and not settings.behind_tls_proxy:
        raise InvalidInput("--proxy goes with --behind-tls-proxy")
    for address in settings.proxy_addresses:
        try:
            ip_network(address)
        except ValueError:
            raise InvalidInput(
                f"{address!r} is no address of a proxy; write one such as 10.1.2.3, or a network such as"
                " 10.1.2.0/24"
            ) from None


def require_header(name: str) -> None:
    """Refuse a header that no key can come in, or that says something else."""
    if not _HEADER.fullmatch(name) or name in _TAKEN:
        raise InvalidInput(
            f"{name!r} cannot be the header for keys: give a header's name that means nothing else, such as"
            " api-key"
        )


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer with modern ciphers; InvalidInput where certificate and key do not make one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    for path in (certificate, key):
        if not path.is_file():
            raise InvalidInput(f"{path} is no file; give PEM files with --tls-cert and --tls-key")
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror or "it cannot be read"
        raise InvalidInput(
            f"{certificate} and {key} are no certificate and its key in PEM: {reason}"
        ) from None
    return context


def _no_password() -> str:
    raise InvalidInput(
        "the TLS key is encrypted; give one without a passphrase, readable by the server alone"
    )


def _context_of(settings: ServerSettings, _config: uvicorn.Config, _usual: object) -> ssl.SSLContext:
    assert settings.tls_cert is not None  # noqa: S101 - both are there, or this is not asked for
    assert settings.tls_key is not None  # noqa: S101 - as above
    return tls_context(settings.tls_cert, settings.tls_key)


def _listen(settings: ServerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        where = f"{settings.host}:{settings.port}"
        raise InvalidInput(
            f"{where} cannot be served: {error.strerror}; choose another --host or --port"
        ) from None
    listening.set_inheritable(True)
    return listening


def application(settings: ServerSettings) -> FastAPI:
    """The application of a process of the server."""
    app = create_app(settings, tracing=open_tracing(os.environ))
    # What lives as long as the process is not gone through again and again while requests wait.
    gc.collect()
    gc.freeze()
    return app


def config_of(settings: ServerSettings, app: Callable[[], FastAPI] | None = None) -> BoundedConfig:
    """Uvicorn's settings; `app` makes the application, where it is not the usual one."""
    limits = settings.limits
    return BoundedConfig(
        settings,
        app or partial(application, settings),
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=log_config(),
        access_log=False,
        server_header=False,
        proxy_headers=settings.behind_tls_proxy,
        forwarded_allow_ips=list(settings.proxy_addresses),
        backlog=limits.backlog,
        timeout_keep_alive=limits.keep_alive_s,
        timeout_graceful_shutdown=limits.shutdown_s,
        ssl_context_factory=partial(_context_of, settings) if settings.tls_cert else None,
    )
