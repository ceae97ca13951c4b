"""Members as the read side keeps them: the departed too, since their keys and deeds stay."""

import msgspec

from ledger.errors import LedgerCorrupt
from ledger.events import MemberAdded, MemberRemoved, MemberRoleChanged

MemberFact = MemberAdded | MemberRoleChanged | MemberRemoved


class MemberRow(msgspec.Struct):
    """A row of the table `members`."""

    member_id: bytes
    organization_id: bytes
    email: str
    role: str
    added_at: int
    removed_at: int | None = None
    removed_position: int | None = None


def fold_member(row: MemberRow | None, position: int, event: MemberFact) -> MemberRow:
    """The row after one more event; a row that was given is changed in place."""
    if isinstance(event, MemberAdded):
        return MemberRow(
            event.member_id, event.organization_id, event.personal.email, event.role, event.occurred_at
        )
    if row is None:
        raise LedgerCorrupt("an event speaks of a member who was never added")
    match event:
        case MemberRoleChanged():
            row.role = event.role
        case MemberRemoved():
            row.removed_at, row.removed_position = event.occurred_at, position
    return row
