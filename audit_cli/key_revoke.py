"""`keyledger key revoke`: the end of keys, shown first."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from audit_cli import console
from audit_cli.confirmation import YesOption, confirm
from audit_cli.failures import COULD_NOT, tell
from audit_cli.key import ReasonOption
from audit_cli.key_choice import KeysArgument, WhereOption, called, meant, named, require_which
from audit_cli.options import Options, command

if TYPE_CHECKING:
    from audit_cli.session import Session
    from ledger.credentials import Credential

app = typer.Typer(rich_markup_mode=None)


@command(app, "revoke", at_server="keys.revoke")
def revoke(
    options: Options,
    keys: KeysArgument = None,
    where: WhereOption = None,
    reason: ReasonOption = None,
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be revoked.")] = False,
) -> None:
    """End keys for good.

    They are refused from that moment on. All keys are looked up before the first is revoked. An expression
    compares name, owner, service, caller, last_source, any_source, state or created_by with values in which *
    stands for anything; `and` binds before `or`.

    Example: keyledger key revoke old-ci 9f3c2a10 --reason "replaced"
    """
    from audit_cli.session import open_session
    from ledger.actor import require_admin

    require_which(keys, where)
    with open_session(options) as session:
        if not dry_run:
            require_admin(session.actor, "revoke keys")
        chosen = _named(session, keys or []) if where is None else _meant(session, where)
        if not chosen:
            console.note("No key that is not revoked yet is such a one; nothing was revoked.")
            return
        if dry_run:
            console.result(_plan(session, chosen))
            console.note("Nothing was revoked.")
            return
        if not yes:
            if console.is_interactive():
                console.note(_plan(session, chosen))
            confirm(f"Revoke {'this key' if len(chosen) == 1 else f'these {len(chosen)} keys'} for good?")
        revoke_all(session, chosen, reason)


def _named(session: "Session", references: list[str]) -> "list[Credential]":
    chosen = named(session, references)
    for key in chosen:
        _require_revocable(session, key)
    return chosen


def _meant(session: "Session", expression: str) -> "list[Credential]":
    from projections.audit.remedy import Action

    return meant(session, expression, "To be revoked", Action.REVOKE)


def revoke_all(
    session: "Session",
    keys: "list[Credential]",
    reason: str | None,
    say: Callable[[str], None] = lambda line: console.result(f"{line}\n"),
) -> None:
    """Revoke one after the other; one that cannot be is told, and keeps none of the others from it."""
    from ledger.errors import Refused

    failed = 0
    for key in keys:
        try:
            session.ledger.revoke_key(session.organization, session.actor, key, reason)
        except Refused as error:
            failed += 1
            tell(f"{called(key)} was not revoked: {error}")
        else:
            say(f"Revoked {called(key)}: it is refused from now on.")
    if failed:
        raise typer.Exit(COULD_NOT)


def _require_revocable(session: "Session", key: "Credential") -> None:
    from ledger.errors import WrongState
    from ledger.events import KeyState

    if session.ledger.key(session.organization, key).state is KeyState.REVOKED:
        raise WrongState(f"the key {key.name!r} is revoked already; nothing was revoked")


def _plan(session: "Session", keys: list["Credential"]) -> str:
    """Who owns the keys and when they were last used: whom it would hurt."""
    from audit_cli.wording import last_used, short_id

    with session.view() as view:
        records = {record.id: record for record in view.records()}
    rows = [
        (
            record.name,
            short_id(record.id),
            record.owner,
            last_used(record, session.now),
            ", ".join(record.services),
        )
        for record in (records[key.key_id] for key in keys)
    ]
    return console.table(("Key", "Id", "Owner", "Last used", "Services"), rows, flexible=(0, 2, 4))
