"""`keyledger key revoke`: the end of keys, shown first."""

from typing import TYPE_CHECKING, Annotated

import typer

from audit_cli import console
from audit_cli.completion import complete_key
from audit_cli.confirmation import YesOption, confirm
from audit_cli.key import ReasonOption
from audit_cli.options import Options, command

if TYPE_CHECKING:
    from audit_cli.session import Session
    from ledger.credentials import Credential

app = typer.Typer(rich_markup_mode=None)


@command(app, "revoke")
def revoke(
    options: Options,
    keys: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY...", autocompletion=complete_key, help="Ids, their beginnings, or names."
        ),
    ],
    reason: ReasonOption = None,
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be revoked.")] = False,
) -> None:
    """End keys for good.

    They are refused from that moment on. All keys are looked up before the first is revoked.

    Example: keyledger key revoke old-ci 9f3c2a10 --reason "replaced"
    """
    from audit_cli.session import open_session
    from audit_cli.wording import short_id
    from ledger.actor import require_admin

    with open_session(options) as session:
        require_admin(session.actor, "revoke keys")
        chosen = list({key.key_id: key for key in map(session.key, keys)}.values())
        for key in chosen:
            _require_revocable(session, key)
        if dry_run:
            console.result(_plan(session, chosen))
            console.note("Nothing was revoked.")
            return
        if not yes:
            if console.is_interactive():
                console.note(_plan(session, chosen))
            confirm(f"Revoke {'this key' if len(chosen) == 1 else f'these {len(chosen)} keys'} for good?")
        for key in chosen:
            session.ledger.revoke_key(session.organization, session.actor, key, reason)
            console.result(f"Revoked {key.name} ({short_id(key.key_id)}): it is refused from now on.\n")


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
        (record.name, short_id(record.id), record.owner, last_used(record, session.now))
        for record in (records[key.key_id] for key in keys)
    ]
    return console.table(("Key", "Id", "Owner", "Last used"), rows, flexible=(0, 2))
