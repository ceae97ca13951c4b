"""`keyledger owners`: who answers for which keys."""

from typing import TYPE_CHECKING, Annotated

import typer

from audit_cli import console
from audit_cli.options import Options, command
from audit_cli.values import FormatOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from projections.owned_keys import OwnedKeys

NO_KEYS = "There are no keys that could be used; `keyledger key create NAME` makes one."

app = typer.Typer(rich_markup_mode=None)


@command(app, "owners")
def owners(
    options: Options,
    owner: Annotated[
        str | None, typer.Argument(metavar="OWNER", help="Only whose name or address this is.")
    ] = None,
    departed: Annotated[bool, typer.Option("--departed", help="Only members who have left.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Revoked and expired keys too.")] = False,
    form: FormatOption = "table",
) -> None:
    """List the keys by owner, those of departed members first.

    `keyledger key set --owner` gives keys to somebody else, `keyledger key confirm` says that they are
    needed still.

    Example: keyledger owners --departed
    """
    from audit_cli.session import open_session
    from ledger.events import KeyKind
    from projections.documents.owners import owners_document
    from projections.owned_keys import Standing, keys_by_owner

    with open_session(options) as session, session.view() as view:
        now, position, members = session.now, view.position, view.members()
        records = [
            record
            for record in view.records()
            if record.kind is KeyKind.LONG_LIVED
            and (everything or record.status(now) in {"active", "disabled"})
        ]
        organization = session.organization.name
    found = [
        each
        for each in keys_by_owner(records, members)
        if (not departed or each.standing is Standing.DEPARTED)
        and (owner is None or (each.owner or "").casefold() == owner.casefold())
    ]
    if form == "json":
        console.result_json(owners_document(organization, position, found, now))
    elif found:
        console.result(_table(found, now))
        _hint(found)
    else:
        is_narrowed = owner is not None or departed
        console.note("No such owner has keys." if is_narrowed else NO_KEYS)


def _table(found: "Sequence[OwnedKeys]", now: int) -> str:
    from audit_cli.wording import last_used, short_id

    rows = []
    for owned in found:
        named = owned.owner or "nobody"
        said = f"{named} ({_left(owned)})" if owned.departed_at is not None else named
        for number, record in enumerate(owned.keys):
            cells = (record.name, short_id(record.id), record.status(now), last_used(record, now))
            rows.append(("" if number else said, *cells, _day(record.marks.confirmed_at)))
    headers = ("Owner", "Key", "Id", "State", "Last used", "Confirmed")
    return console.table(headers, rows, flexible=(0, 1))


def _left(owned: "OwnedKeys") -> str:
    return f"left {_day(owned.departed_at)}"


def _day(at: int | None) -> str:
    from ledger.moments import format_moment

    return "never" if at is None else format_moment(at).partition("T")[0]


def _hint(found: "Sequence[OwnedKeys]") -> None:
    from audit_cli.wording import counted
    from projections.owned_keys import Standing

    left = [owned for owned in found if owned.standing is Standing.DEPARTED]
    if left:
        count = sum(len(owned.keys) for owned in left)
        belong = "belongs" if count == 1 else "belong"
        console.note(
            f"{counted(count, 'key')} {belong} to {counted(len(left), 'departed member')}. To move them:"
            f" keyledger key set --where 'owner={left[0].owner}' --owner WHO"
        )
