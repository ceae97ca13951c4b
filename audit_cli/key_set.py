"""`keyledger key set`: changing what is said of keys."""

from typing import TYPE_CHECKING, Annotated, NamedTuple

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
from audit_cli.key_choice import KeysArgument, WhereOption, called, meant, named, require_which
from audit_cli.options import Options, command

if TYPE_CHECKING:
    from audit_cli.session import Session
    from ledger.credentials import Credential
    from ledger.key_terms import KeyChanges

app = typer.Typer(rich_markup_mode=None)


class ChangeOptions(NamedTuple):
    """Which keys are to change, and what is said of them then."""

    keys: KeysArgument = None
    where: WhereOption = None
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Its new name.")] = None
    owner: OwnerOption = None
    no_owner: Annotated[bool, typer.Option("--no-owner", help="Nobody answers for it.")] = False
    expires_in: ExpiresInOption = None
    expires_at: ExpiresAtOption = None
    no_expiry: Annotated[bool, typer.Option("--no-expiry", help="It works until it is revoked.")] = False
    scope: ScopeOption = None
    no_scopes: Annotated[bool, typer.Option("--no-scope", help="It has no scopes.")] = False
    yes: YesOption = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show which keys are meant.")] = False

    def check(self) -> None:
        """BadParameter for what does not go together."""
        require_which(self.keys, self.where)
        for name, value, none in (
            ("owner", self.owner, self.no_owner),
            ("scope", self.scope, self.no_scopes),
        ):
            if value and none:
                raise typer.BadParameter(f"--{name} and --no-{name} exclude each other")
        require_one_way(self.expires_in, self.expires_at, no_expiry=self.no_expiry)
        said = (self.name, self.owner, self.expires_in, self.expires_at, self.scope)
        if not any((self.no_owner, self.no_expiry, self.no_scopes)) and said == (None,) * len(said):
            raise typer.BadParameter("say what to change: --name, --owner, --expires-in, --scope ...")
        if self.name is not None and (self.where is not None or len(self.keys or ()) > 1):
            raise typer.BadParameter("--name is for one key: keys of one name cannot be told apart")


@command(app, "set", at_server="keys.change")
def set_key(options: Options, asked: ChangeOptions) -> None:
    """Change the name, owner, expiry or scopes of keys.

    With --where, whose expressions `keyledger key revoke --help` explains, the keys are shown first.

    Example: keyledger key set ci-github-actions --owner platform-team --no-expiry
    """
    from audit_cli.session import open_session
    from ledger.actor import require_admin

    asked.check()
    keys, where = asked.keys or [], asked.where
    with open_session(options) as session:
        changes = _changes(session, asked)
        require_admin(session.actor, "change keys")
        chosen = named(session, keys) if where is None else meant(session, where, "To be changed")
        if not chosen:
            console.note("No active key is such a one; nothing was changed.")
        elif asked.dry_run:
            console.result(_shown(chosen))
            console.note("Nothing was changed.")
        else:
            if where is not None and not asked.yes:
                console.note(_shown(chosen).rstrip())
                confirm(f"Change {'this key' if len(chosen) == 1 else f'these {len(chosen)} keys'}?")
            _change(session, chosen, changes)


def _changes(session: "Session", asked: ChangeOptions) -> "KeyChanges":
    from msgspec import UNSET

    from ledger.key_terms import KeyChanges

    ends = expiry(session, asked.expires_in, asked.expires_at, no_expiry=asked.no_expiry)
    return KeyChanges(
        name=UNSET if asked.name is None else asked.name,
        owner=UNSET if asked.owner is None and not asked.no_owner else asked.owner,
        expires_at=UNSET if ends is None and not asked.no_expiry else ends,
        scopes=UNSET if asked.scope is None and not asked.no_scopes else tuple(asked.scope or ()),
    )


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
