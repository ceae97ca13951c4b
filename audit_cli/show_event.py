"""`keyledger show-event`: any event of the ledger, readably."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit_cli import console
from audit_cli.options import Options, command
from audit_cli.values import FormatOption, position

if TYPE_CHECKING:
    from ledger.recorded import Recorded

EVENT_SCHEMA = "keyledger.event/1"

app = typer.Typer(rich_markup_mode=None)


@command(app, "show-event")
def show_event(
    options: Options,
    at: Annotated[
        int, typer.Argument(parser=position, metavar="POSITION", help="Its number in the ledger, from 1.")
    ],
    form: FormatOption = "table",
) -> None:
    """Print one event, as cited by reports for evidence.

    Example: keyledger show-event 42
    """
    from audit_cli.session import open_session
    from ledger.recorded import event_at, readable

    with open_session(options) as session:
        found = event_at(session.database, session.organization.id, at)
    if form == "json":
        console.result_json(event_object(found))
    else:
        console.result(_lines(readable(found)))


def event_object(recorded: "Recorded") -> dict[str, Any]:
    """The event for machines, alone or as a line of many."""
    from ledger.recorded import readable

    return {"schema": EVENT_SCHEMA, **readable(recorded)}


def _lines(fields: dict[str, Any]) -> str:
    from audit_cli.reports.terminal import printable

    flat = fields | (fields.pop("personal", None) or {})
    margin = max(map(len, flat)) + 2
    return "".join(f"{name.ljust(margin)}{printable(_text(value))}\n" for name, value in flat.items())


def _text(value: object) -> str:
    match value:
        case None:
            return "-"
        case list():
            return " ".join(map(str, value)) or "-"
        case _:
            return str(value)
