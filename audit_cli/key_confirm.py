"""`keyledger key confirm`: an owner's word that keys are needed still."""

from typing import Annotated

import typer

from audit_cli import console
from audit_cli.key import ReasonOption
from audit_cli.key_choice import KeysArgument, WhereOption, called, named, records_meant, require_which
from audit_cli.options import Options, command

app = typer.Typer(rich_markup_mode=None)


@command(app, "confirm")
def confirm_keys(
    options: Options,
    keys: KeysArgument = None,
    where: WhereOption = None,
    reason: ReasonOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show which keys are meant.")] = False,
) -> None:
    """Say that keys are needed still.

    Their owner says so, or an admin. The rule `unconfirmed-key`, off by default, asks for it once a year.
    With --where, whose expressions `keyledger key revoke --help` explains, all keys that are meant are
    confirmed or none.

    Example: keyledger key confirm --where 'owner=bob@example.com' --reason "yearly review"
    """
    from audit_cli.session import open_session
    from ledger.confirmations import confirm_keys as record
    from ledger.events import KeyKind
    from ledger.ids import format_id

    require_which(keys, where)
    with open_session(options) as session:
        if where is None:
            chosen = named(session, keys or [])
        else:
            meant = (each for each in records_meant(session, where) if each.kind is KeyKind.LONG_LIVED)
            chosen = [session.key(format_id(each.id)) for each in meant]
        if not chosen:
            console.note("No active key is such a one; nothing was confirmed.")
            return
        if not dry_run:
            record(session.ledger, session.organization, session.actor, chosen, reason)
    for key in chosen:
        console.result(f"{'Would confirm' if dry_run else 'Confirmed'} {called(key)}.\n")
