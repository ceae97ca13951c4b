"""`keyledger key set`: changing what is said of keys."""

from typing import TYPE_CHECKING, Annotated

import typer

from audit_cli import console
from audit_cli.confirmation import YesOption, confirm
from audit_cli.failures import COULD_NOT, tell
from audit_cli.key import (
    ExpiresAtOption,
    ExpiresInOption,
    OwnerOption,
    ScopeOption,
    expiry,
    require_one_way,
)
from audit_cli.key import ends as ends_at
from audit_cli.key_choice import KeysArgument, WhereOption, called, meant, named
from audit_cli.options import Options, command

if TYPE_CHECKING:
    from audit_cli.session import Session
    from ledger.credentials import Credential
    from ledger.key_terms import KeyChanges

app = typer.Typer(rich_markup_mode=None)


@command(app, "set", served=True)
def set_key(
    options: Options,
    keys: KeysArgument = None,
    where: WhereOption = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Its new name.")] = None,
    owner: OwnerOption = None,
    no_owner: Annotated[bool, typer.Option("--no-owner", help="Nobody answers for it.")] = False,
    expires_in: ExpiresInOption = None,
    expires_at: ExpiresAtOption = None,
    no_expiry: Annotated[bool, typer.Option("--no-expiry", help="It works until it is revoked.")] = False,
    scope: ScopeOption = None,
    no_scopes: Annotated[bool, typer.Option("--no-scope", help="It has no scopes.")] = False,
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show which keys are meant.")] = False,
) -> None:
    """Change the name, owner, expiry or scopes of keys.

    With --where, whose expressions `keyledger key revoke --help` explains, the keys are shown first.

    Example: keyledger key set ci-github-actions --owner platform-team --no-expiry
    """
    from msgspec import UNSET

    from audit_cli.remote.in_force import server_in_force
    from audit_cli.session import open_session
    from ledger.actor import require_admin
    from ledger.key_terms import KeyChanges

    if bool(keys) is (where is not None):
        raise typer.BadParameter("say which keys, or which they are with --where")
    for name_of, value, none in (("owner", owner, no_owner), ("scope", scope, no_scopes)):
        if value and none:
            raise typer.BadParameter(f"--{name_of} and --no-{name_of} exclude each other")
    if (server := server_in_force(options)) is not None:
        from audit_cli.remote.keys import change

        if where is not None or dry_run:
            raise typer.BadParameter("at a server, name the keys: --where and --dry-run are the ledger's")
        require_one_way(expires_in, expires_at, no_expiry=no_expiry)
        said: dict[str, object] = {"name": name, "owner": owner, "scopes": scope}
        said = {each: value for each, value in (said | ends_at(expires_in, expires_at)).items() if value}
        taken = {"owner": None} if no_owner else {}
        taken |= {"expires_at": None} if no_expiry else {}
        change(server, keys or [], said | taken | ({"scopes": []} if no_scopes else {}))
        return
    with open_session(options) as session:
        ends = expiry(session, expires_in, expires_at, no_expiry=no_expiry)
        changes = KeyChanges(
            name=UNSET if name is None else name,
            owner=UNSET if owner is None and not no_owner else owner,
            expires_at=UNSET if ends is None and not no_expiry else ends,
            scopes=UNSET if scope is None and not no_scopes else tuple(scope or ()),
        )
        if changes == KeyChanges():
            raise typer.BadParameter("say what to change: --name, --owner, --expires-in, --scope ...")
        if name is not None and (where is not None or len(keys or ()) > 1):
            raise typer.BadParameter("--name is for one key: keys of one name cannot be told apart")
        require_admin(session.actor, "change keys")
        chosen = named(session, keys or []) if where is None else meant(session, where, "To be changed")
        if not chosen:
            console.note("No active key is such a one; nothing was changed.")
        elif dry_run:
            console.result(_shown(chosen))
            console.note("Nothing was changed.")
        else:
            if where is not None and not yes:
                console.note(_shown(chosen).rstrip())
                confirm(f"Change {'this key' if len(chosen) == 1 else f'these {len(chosen)} keys'}?")
            _change(session, chosen, changes)


def _change(session: "Session", keys: "list[Credential]", changes: "KeyChanges") -> None:
    """Change one after the other; one that cannot be is told, and keeps none of the others from it."""
    from ledger.errors import Refused

    failed = 0
    for key in keys:
        try:
            changed = session.ledger.change_key(session.organization, session.actor, key, changes)
        except Refused as error:
            if len(keys) == 1:
                raise
            failed += 1
            tell(f"{called(key)} was not changed: {error}")
        else:
            said = (
                f"Changed {called(key)}." if changed else f"Nothing to change: {called(key)} is so already."
            )
            console.result(f"{said}\n")
    if failed:
        raise typer.Exit(COULD_NOT)


def _shown(keys: "list[Credential]") -> str:
    return "".join(f"{called(key)}\n" for key in keys)
