"""`keyledger serve`: the HTTP API, for services and gateways."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from audit_cli.options import Options, command

if TYPE_CHECKING:
    from http_api.settings import ServerSettings
    from ledger.settings import Settings

app = typer.Typer(rich_markup_mode=None)


class ServeOptions(NamedTuple):
    """Where to listen, whom to believe, and how much to let in."""

    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1"
    port: Annotated[int, typer.Option(metavar="PORT", min=0, max=65535, help="The port.")] = 8431
    workers: Annotated[int, typer.Option(metavar="N", min=1, max=64, help="So many processes.")] = 1
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The server's certificate and its chain, PEM.")
    ] = None
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="The certificate's key, PEM.")] = None
    behind_tls_proxy: Annotated[
        bool, typer.Option("--behind-tls-proxy", help="A proxy ends TLS; believe it who asks.")
    ] = False
    proxy: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="A proxy that is believed; else those on this machine."),
    ] = None
    key_header: Annotated[
        str, typer.Option(metavar="NAME", help="The header for keys beside Authorization.")
    ] = "api-key"
    rate: Annotated[
        int, typer.Option(metavar="N", min=1, help="How often a key may ask per minute and process.")
    ] = 600
    record_after: Annotated[
        bool, typer.Option("--record-after", help="Answer checks first, record them some 0.1 s later.")
    ] = False
    gateway_keys: Annotated[
        bool, typer.Option("--gateway-keys", help="Let no gateway ask without a key of its own.")
    ] = False
    open_metrics: Annotated[
        bool, typer.Option("--open-metrics", help="Let other machines read /metrics too.")
    ] = False
    quiet: Annotated[bool, typer.Option("--quiet", help="Log no line for each request.")] = False


@command(app, "serve")
def serve(options: Options, asked: ServeOptions) -> None:
    """Serve the HTTP API: REST for keys, uses and audits.

    Keys travel by TLS, or not past this machine. The log goes to standard error, a JSON object a line.

    Example: keyledger serve --port 8431
    """
    from audit_cli.remote.in_force import KEY_VARIABLE
    from audit_cli.session import settings_without_server
    from ledger.errors import InvalidInput

    try:
        from http_api.server import serve as serve_http
    except ModuleNotFoundError as error:
        raise InvalidInput(
            f"the server needs {error.name}, which is not installed; run `pip install 'keyledger[server]'`"
        ) from None
    if options.org or options.actor:
        raise InvalidInput(
            "a server serves all organizations of its ledger, and each caller says by its key who it is:"
            " leave --org and --as away"
        )
    # A key for servers is none of a server's own, and nothing that its processes should have.
    os.environ.pop(KEY_VARIABLE, None)
    # Its log says which ledger, and has a JSON object on every line.
    status = serve_http(_server_settings(settings_without_server(options), asked))
    if status:
        raise typer.Exit(status)


def _server_settings(settings: "Settings", asked: ServeOptions) -> "ServerSettings":
    from http_api.settings import Limits, ServerSettings

    more: dict[str, Any] = {} if asked.proxy is None else {"proxy_addresses": tuple(asked.proxy)}
    return ServerSettings(
        url=settings.url,
        pepper_file=settings.pepper_file,
        policy=settings.policy,
        host=asked.host,
        port=asked.port,
        workers=asked.workers,
        tls_cert=asked.tls_cert,
        tls_key=asked.tls_key,
        behind_tls_proxy=asked.behind_tls_proxy,
        key_header=asked.key_header.lower(),
        log_requests=not asked.quiet,
        records_after=asked.record_after,
        gateway_keys=asked.gateway_keys,
        open_metrics=asked.open_metrics,
        limits=Limits(requests_a_minute=asked.rate),
        **more,
    )
