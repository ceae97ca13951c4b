"""The comparison of a source with the ledger, for people."""

from audit_cli import console
from audit_cli.wording import counted, short_id
from ledger.events import KeyState
from ledger.moments import format_moment
from projections.key_record import KeyRecord
from projections.reconciliation import Difference, Disagreement, Reconciliation, SourceKey

_HEADERS = ("Difference", "Key", "Id", "Here", "There")


def reconciliation_table(found: Reconciliation) -> str:
    """A row for each key and difference, with what either side says."""
    rows = [_row(each, found.extent.listed_at) for each in found.differences]
    return console.table(_HEADERS, rows, flexible=(1, 3, 4))


def tally(found: Reconciliation) -> str:
    """How many keys were compared, and what came of it."""
    kinds = [each.kind for each in found.differences]
    parts = [f"{kinds.count(kind)} {_WORDS[kind]}" for kind in Difference if kind in kinds]
    return (
        f"{counted(found.listed, 'key')} listed, {found.known:,} known here:"
        f" {', '.join(parts) or 'no difference'}; {found.agreeing:,} agree."
    )


_WORDS = {
    Difference.UNKNOWN_HERE: "unknown here",
    Difference.GONE_THERE: "gone there",
    Difference.STATE_DIFFERS: "in another state",
    Difference.OWNER_DIFFERS: "with another owner",
    Difference.CREATION_DIFFERS: "created at another time",
}


def _row(each: Disagreement, at: int) -> tuple[str, str, str, str, str]:
    here, there = each.here, each.there
    name = here.name if here else there.external_id if there else ""
    shown = short_id(here.id) if here else ""
    return each.kind.value, name, shown, _here(each.kind, here, at), _there(each.kind, there)


def _here(kind: Difference, record: KeyRecord | None, at: int) -> str:
    if record is None:
        return "-"
    return _side(kind, str(record.status(at)), record.owner, record.created_at)


def _there(kind: Difference, key: SourceKey | None) -> str:
    return "-" if key is None else _side(kind, key.state, key.owner, key.created_at)


def _side(kind: Difference, state: str | KeyState | None, owner: str | None, created_at: int | None) -> str:
    created = None if created_at is None else format_moment(created_at)
    match kind:
        case Difference.STATE_DIFFERS:
            return str(state)
        case Difference.OWNER_DIFFERS:
            return owner or "nobody"
        case Difference.CREATION_DIFFERS:
            return created or "unknown"
        case Difference.UNKNOWN_HERE | Difference.GONE_THERE:
            day = created and f"created {created.partition('T')[0]}"
            told = (state, owner and f"owner {owner}", day)
            return ", ".join(str(each) for each in told if each)
