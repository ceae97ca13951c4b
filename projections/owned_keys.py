"""Keys by who answers for them: those of departed members first, then those of nobody."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from enum import StrEnum

import msgspec

from projections.key_record import KeyRecord
from projections.members import MemberRow


class Standing(StrEnum):
    """What an owner is to the organization, in the order in which owners are listed."""

    DEPARTED = "departed"
    NOBODY = "nobody"
    MEMBER = "member"
    OUTSIDE = "not a member"


class OwnedKeys(msgspec.Struct, frozen=True):
    """The keys of one owner, by name; None owns those that nobody answers for."""

    owner: str | None
    standing: Standing
    departed_at: int | None
    keys: list[KeyRecord]


def keys_by_owner(records: Iterable[KeyRecord], members: Iterable[MemberRow]) -> list[OwnedKeys]:
    """The owners of some keys, who come in their order, with what each owns."""
    present = {member.email.casefold() for member in members if member.removed_at is None}
    owned: dict[tuple[Standing, str | None], list[KeyRecord]] = defaultdict(list)
    for record in records:
        owned[_standing(record, present), record.owner].append(record)
    order = list(Standing)
    return [
        OwnedKeys(owner, standing, keys[0].owner_departed_at, keys)
        for (standing, owner), keys in sorted(
            owned.items(), key=lambda each: (order.index(each[0][0]), each[0][1] or "")
        )
    ]


def _standing(record: KeyRecord, present: Collection[str]) -> Standing:
    if record.owner is None:
        return Standing.NOBODY
    if record.owner_departed:
        return Standing.DEPARTED
    return Standing.MEMBER if record.owner.casefold() in present else Standing.OUTSIDE
