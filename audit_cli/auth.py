"""`keyledger auth`: this system user's login at a server."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from audit_cli import console
from audit_cli.failures import COULD_NOT
from audit_cli.options import Options, command
from audit_cli.values import FormatOption

if TYPE_CHECKING:
    from ledger.secret import Secret

STATUS_SCHEMA = "keyledger.auth/1"

app = typer.Typer(rich_markup_mode=None)


@command(app, "login", served=True)
def login(
    options: Options,
    with_api_key: Annotated[
        bool, typer.Option("--with-api-key", help="By an API key, from standard input or a prompt.")
    ] = False,
) -> None:
    """Log in at a server, for this and later commands.

    The key is tried at the server, then kept in the keyring of this system, where there is one, or else in a
    file that only you may read. Commands then work on the server unless a ledger is named.

    Example: keyledger auth login --server https://keys.example.com --with-api-key < key.secret
    """
    from audit_cli.remote.address import checked_address
    from audit_cli.remote.in_force import variables_in_force
    from audit_cli.remote.login import Login, keep_login, login_file
    from audit_cli.remote.server import Server
    from audit_cli.session import SERVER_VARIABLE, settings_of

    if not with_api_key:
        raise typer.BadParameter("say how: --with-api-key, with the key on standard input or at the prompt")
    settings = settings_of(options)
    if settings.server is None:
        raise typer.BadParameter(f"say where: --server URL, or {SERVER_VARIABLE}")
    server = Server(checked_address(settings.server), _read_key(), "this login", settings.org, settings.actor)
    caller = server.caller()
    told = Login(server.address, caller.organization, caller.key_name or "")
    place = keep_login(login_file(), told, server.key)
    console.note(
        f"Logged in at {server.address} as {caller.key_name} of {caller.organization}"
        f" ({_scopes(caller.scopes)}). The key is in {place}."
    )
    for variable in variables_in_force():
        console.note(f"{variable} is set and goes before this login.")


@command(app, "status", served=True)
def status(options: Options, form: FormatOption = "table") -> None:
    """Tell where commands go, by which key, and what it may do.

    Exits with 1 where nobody is logged in, or the server does not accept the key.

    Example: keyledger auth status
    """
    from audit_cli.remote.in_force import server_in_force
    from ledger.secret import Secret

    server = server_in_force(options)
    if server is None:
        if form == "json":
            console.result_json({"schema": STATUS_SCHEMA, "server": None})
        else:
            console.note("Not logged in: commands work on the ledger. `keyledger auth login` changes that.")
        raise typer.Exit(COULD_NOT)
    caller = server.caller()
    masked = server.key.masked if server.key.is_well_formed else Secret("").masked
    if form == "json":
        console.result_json(
            {
                "schema": STATUS_SCHEMA,
                "server": server.address,
                "source": server.source,
                "masked": masked,
                "organization": caller.organization,
                "key_id": caller.key_id,
                "key_name": caller.key_name,
                "scopes": caller.scopes,
                "on_behalf_of": caller.on_behalf_of,
            }
        )
        return
    console.result(
        f"Server        {server.address}\n"
        f"Organization  {caller.organization}\n"
        f"Key           {caller.key_name} {masked}\n"
        f"From          {server.source}\n"
        f"Scopes        {' '.join(caller.scopes) or 'none'}\n"
    )


@command(app, "logout")
def logout(options: Options) -> None:
    """Forget the login and its key.

    The key itself stays valid: `keyledger key revoke` ends it.

    Example: keyledger auth logout
    """
    from audit_cli.remote.in_force import variables_in_force
    from audit_cli.remote.login import forget_login, login_file

    del options
    forgotten = forget_login(login_file())
    console.note("Logged out: the key is kept here no longer." if forgotten else "Nobody was logged in.")
    for variable in variables_in_force():
        console.note(f"{variable} is set and still in force; unset it to be logged out.")


def _read_key() -> "Secret":
    from ledger.secret import MAX_SECRET, Secret

    if sys.stdin is not None and sys.stdin.isatty():
        text = str(typer.prompt("API key", hide_input=True, err=True))
    else:
        text = typer.get_binary_stream("stdin").read(MAX_SECRET + 2).decode(errors="replace")
    key = Secret(text.strip())
    if not key.reveal():
        raise typer.BadParameter("standard input is empty; give the key there, as in `--with-api-key < FILE`")
    if not key.is_well_formed:
        raise typer.BadParameter("that is no API key: its form or its checksum is wrong; copy all of it")
    return key


def _scopes(scopes: list[str]) -> str:
    return f"scopes {' '.join(scopes)}" if scopes else "no scopes"
