"""Several keys at once: named one by one, or meant by an expression."""

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from audit_cli import console
from audit_cli.completion import complete_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_cli.session import Session
    from ledger.credentials import Credential
    from projections.audit.remedy import Action
    from projections.key_record import KeyRecord

KeysArgument: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY...", autocompletion=complete_key, help="Ids, their beginnings, or names."),
]
WhereOption: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="EXPRESSION", help="All keys such as 'service=pay* and owner=bob'."),
]

_SHOWN = 5


def require_which(keys: "Sequence[str] | None", where: str | None) -> None:
    """BadParameter unless keys are either named or meant by an expression."""
    if bool(keys) is (where is not None):
        raise typer.BadParameter("say which keys, or which they are with --where")


def named(session: "Session", references: list[str]) -> "list[Credential]":
    """The keys of the references, each once; all are looked up before anything is done."""
    return list({key.key_id: key for key in map(session.key, references)}.values())


def meant(
    session: "Session", expression: str, elsewhere: str, action: "Action | None" = None
) -> "list[Credential]":
    """The keys minted here that an expression means and that are not revoked.

    Of those of other sources it is only told, in a sentence that `elsewhere` begins; where `action` says what
    is to be done with them, by the commands to type.
    """
    from ledger.ids import format_id
    from projections.audit.remedy import remedy

    records = records_meant(session, expression)
    outside = [record for record in records if not record.is_minted_here]
    if outside:
        names = ", ".join(record.external_id or record.name for record in outside[:_SHOWN])
        more = f" and {len(outside) - _SHOWN} more" if len(outside) > _SHOWN else ""
        console.note(f"{elsewhere} where they were minted, not here: {names}{more}")
    if action is not None:
        for record in outside:
            console.note(f"  {remedy(action, record)}")
    return [session.key(format_id(record.id)) for record in records if record.is_minted_here]


def records_meant(session: "Session", expression: str) -> "list[KeyRecord]":
    """All keys that an expression means and that are not revoked, by name."""
    from ledger.events import KeyState
    from projections.selection import parse_selection

    selection = parse_selection(expression)
    with session.view() as view:
        records = view.records()
    return [
        record
        for record in records
        if record.state is not KeyState.REVOKED and selection.means(record, session.now)
    ]


def called(key: "Credential") -> str:
    """What to call a key: its name and the beginning of its id."""
    from audit_cli.reports.terminal import printable
    from audit_cli.wording import short_id

    return f"{printable(key.name or key.external_id or '')} ({short_id(key.key_id)})"
