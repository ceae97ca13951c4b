"""`keyledger.rotations/1`: rotations under way, and whether the old keys can end."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from ledger.events import DenialReason
from ledger.ids import format_id
from ledger.moments import format_moment
from projections.key_record import CallerUse, Denial
from projections.rotations import OldCaller, Rotation

# A rotation with the reasons that keep it from being finished.
JudgedRotation: TypeAlias = tuple[Rotation, Sequence[str]]


class RotationUse(msgspec.Struct, frozen=True):
    """Who uses a key of a rotation, and when he was last seen."""

    service: str
    caller: str | None
    last_at: str
    position: int


class OldKeyUse(RotationUse, frozen=True):
    """How often a day he uses the old key since the rotation (30 days at most), and from where."""

    uses_a_day: float
    addresses: list[str]


class OldKeyRefusal(msgspec.Struct, frozen=True):
    """Whom the old key was refused since the rotation: he has not moved either."""

    service: str
    caller: str | None
    reason: DenialReason
    count: int
    last_at: str
    position: int


class RotationLine(msgspec.Struct, frozen=True):
    """A rotation: the old key, its successor, who is still with the one and who has moved to the other."""

    key_id: str
    key_name: str
    successor_id: str | None
    rotated_at: str
    overlap_ends_at: str | None
    still_using: list[OldKeyUse]
    refused: list[OldKeyRefusal]
    uses_a_day: float
    addresses: list[str]
    moved: list[RotationUse]
    safe_to_revoke: bool
    reasons: list[str]


class RotationsDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The open rotations of an organization, the one whose overlap ends first at the beginning."""

    schema: Literal["keyledger.rotations/1"] = "keyledger.rotations/1"
    organization: str
    position: int
    rotations: list[RotationLine]


def rotations_document(
    organization: str, position: int, judged: Sequence[JudgedRotation]
) -> RotationsDocument:
    """The document of some rotations."""
    lines = [_line(rotation, reasons) for rotation, reasons in judged]
    return RotationsDocument(organization=organization, position=position, rotations=lines)


def _line(rotation: Rotation, reasons: Sequence[str]) -> RotationLine:
    old = rotation.old
    return RotationLine(
        key_id=format_id(old.id),
        key_name=old.name,
        successor_id=format_id(old.successor_id) if old.successor_id else None,
        rotated_at=format_moment(rotation.rotated_at),
        overlap_ends_at=format_moment(old.overlap_ends_at) if old.overlap_ends_at else None,
        still_using=[_old_use(use) for use in rotation.still],
        refused=[_refusal(denial) for denial in rotation.refused],
        uses_a_day=round(rotation.uses_a_day, 3),
        addresses=rotation.addresses,
        moved=[_use(use) for use in rotation.moved],
        safe_to_revoke=not reasons,
        reasons=list(reasons),
    )


def _use(use: CallerUse) -> RotationUse:
    return RotationUse(use.service, use.caller, format_moment(use.last_at), use.last_position)


def _old_use(use: OldCaller) -> OldKeyUse:
    last_at, rate = format_moment(use.last_at), round(use.uses_a_day, 3)
    return OldKeyUse(use.service, use.caller, last_at, use.position, rate, list(use.addresses))


def _refusal(denial: Denial) -> OldKeyRefusal:
    last_at, position = format_moment(denial.last_at), denial.last_position
    return OldKeyRefusal(denial.service, denial.caller, denial.reason, denial.count, last_at, position)
