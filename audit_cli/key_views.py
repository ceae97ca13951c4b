"""`keyledger key list`, `show` and `history`: what is true of keys, and what happened to them."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from audit_cli import console
from audit_cli.key import KeyArgument
from audit_cli.options import Options, command
from audit_cli.values import FormatOption, TemporaryOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from projections.key_record import KeyRecord

app = typer.Typer(rich_markup_mode=None)


@command(app, "list", at_server="key_views.list_keys")
def list_keys(
    options: Options,
    everything: TemporaryOption = False,
    state: Annotated[
        Literal["active", "disabled", "revoked", "expired"] | None,
        typer.Option(help="Only keys in this state."),
    ] = None,
    form: FormatOption = "table",
) -> None:
    """List the keys with owner, state and last use.

    Example: keyledger key list --state active
    """
    from audit_cli.session import open_session
    from ledger.events import KeyKind
    from projections.documents.keys import keys_document

    with open_session(options) as session, session.view() as view:
        now, position = session.now, view.position
        records = [
            record
            for record in view.records()
            if (everything or record.kind is KeyKind.LONG_LIVED) and state in (None, record.status(now))
        ]
    if form == "json":
        console.result_json(keys_document(session.organization.name, position, records, now))
    elif records:
        console.result(_table(records, now))
    else:
        console.note(
            "No such keys. `keyledger key create NAME` makes one, `keyledger import` brings in others."
        )


@command(app, "show", at_server="key_views.show")
def show(options: Options, key: KeyArgument, form: FormatOption = "table") -> None:
    """Show a key: its facts, who uses it and who was refused.

    Example: keyledger key show ci-github-actions
    """
    from audit_cli.key_card import card
    from audit_cli.session import open_session
    from projections.documents.key import key_document

    with open_session(options) as session, session.view() as view:
        record = view.record(session.key(key).key_id)
        story = view.timeline(record.id)
        position = view.position
    if form == "json":
        console.result_json(key_document(session.organization.name, position, record, session.now))
        return
    console.result(card(record, story, session.now))


@command(app, "history", at_server="key_views.history")
def history(options: Options, key: KeyArgument, form: FormatOption = "table") -> None:
    """Tell what happened to a key, when, and by whom.

    An identity that was only claimed is marked as such.

    Example: keyledger key history ci-github-actions
    """
    from audit_cli.key_history import told
    from audit_cli.session import open_session
    from projections.documents.history import history_document

    with open_session(options) as session, session.view() as view:
        record = view.record(session.key(key).key_id)
        story = view.timeline(record.id)
        people = view.people()
        position = view.position
    if form == "json":
        org = session.organization.name
        console.result_json(history_document(org, position, record.id, story, people))
        return
    console.result(told(record, story, people))


def _table(records: "Sequence[KeyRecord]", now: int) -> str:
    from audit_cli.wording import last_used, short_id

    rows = [
        (
            record.name,
            short_id(record.id),
            _state(record, now),
            record.owner,
            last_used(record, now),
            record.use_count,
        )
        # Of keys with one name the older first, since its successor follows it.
        for record in sorted(records, key=lambda record: (record.name, record.created_at or 0))
    ]
    return console.table(("Key", "Id", "State", "Owner", "Last used", "Uses"), rows, flexible=(0, 3))


def _state(record: "KeyRecord", now: int) -> str:
    """The state as lists show it: of a rotation's two keys the older is on its way out."""
    state = record.status(now)
    return "rotating" if state == "active" and record.successor_id is not None else state
