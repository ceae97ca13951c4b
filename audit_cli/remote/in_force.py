"""Which server, if any, a command works on: named, or logged in at where no ledger is named."""

import os
from typing import TYPE_CHECKING

from audit_cli.options import Options
from audit_cli.remote.address import checked_address
from audit_cli.remote.login import Login, key_of, login_file, read_login
from audit_cli.session import SERVER_VARIABLE, settings_of
from ledger.errors import InvalidInput
from ledger.secret import Secret
from ledger.settings import Settings

if TYPE_CHECKING:
    from audit_cli.remote.server import Server

KEY_VARIABLE = "KEYLEDGER_API_KEY"
ORG_VARIABLE = "KEYLEDGER_ORG"


def server_in_force(options: Options) -> "Server | None":
    """The server to work on, None for the ledger; InvalidInput where there is no key for it."""
    settings = settings_of(options)
    login = read_login(login_file()) if settings.server or not settings.names_ledger else None
    address = settings.server or (login.server if login and not settings.names_ledger else None)
    if address is None:
        return None
    from audit_cli.remote.server import Server

    address = checked_address(address)
    key, source = _key_for(address, login)
    org = _org(settings, login, address)
    server = Server(address, key, source, org, settings.actor, settings.policy)
    if settings.org is not None:
        server.caller()
    return server


def _key_for(address: str, login: Login | None) -> tuple[Secret, str]:
    if text := os.environ.get(KEY_VARIABLE, "").strip():
        given = Secret(text)
        if not given.is_well_formed:
            raise InvalidInput(
                f"{KEY_VARIABLE} holds no API key: its form or its checksum is wrong; copy all of it"
            )
        return given, KEY_VARIABLE
    if login is not None and login.server == address:
        key = key_of(login)
        if key is not None:
            if not key.is_well_formed:
                raise InvalidInput(
                    f"the key of the login at {address} is damaged; run `keyledger auth login` again"
                )
            return key, "the login"
    raise InvalidInput(
        f"there is no key for {address}: run `keyledger auth login --server {address} --with-api-key`,"
        f" or set {KEY_VARIABLE}"
    )


def _org(settings: Settings, login: Login | None, address: str) -> str | None:
    if settings.org is not None:
        return settings.org
    return login.organization if login is not None and login.server == address else None


def variables_in_force() -> list[str]:
    """Which of the variables that go before a login are set."""
    return [name for name in (SERVER_VARIABLE, ORG_VARIABLE, KEY_VARIABLE) if os.environ.get(name)]
