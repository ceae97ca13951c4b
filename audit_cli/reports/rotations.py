"""Rotations as people read them."""

from collections.abc import Sequence

from audit_cli.reports.terminal import wrapped
from audit_cli.wording import ago, moment, short_id
from projections.documents.rotations import JudgedRotation
from projections.key_record import CallerUse
from projections.rotations import Rotation

_MARGIN = 12
_LISTED = 5


def rotations_table(judged: Sequence[JudgedRotation], now: int, width: int) -> str:
    """A card for each rotation, in lines of at most `width` characters."""
    return "\n".join(_card(rotation, reasons, now, width) for rotation, reasons in judged)


def _card(rotation: Rotation, reasons: Sequence[str], now: int, width: int) -> str:
    old, ends_at = rotation.old, rotation.old.overlap_ends_at
    successor = short_id(old.successor_id) if old.successor_id else "unknown"
    over = "ended" if ends_at is not None and ends_at <= now else "ends"
    facts = [
        ("Rotation", f"{old.name}: {short_id(old.id)} to {successor}"),
        ("Since", f"{moment(rotation.rotated_at)}, overlap {over} {moment(ends_at or 0)}"),
        *_users("Old key", rotation.still, now),
        ("", f"{rotation.uses_a_day:.1f} uses a day{_from(rotation)}" if rotation.still else ""),
        *_users("Moved", rotation.moved, now),
        ("Verdict", "safe to revoke" if not reasons else f"not yet, because {'; '.join(reasons)}"),
    ]
    lines = [
        wrapped(text, width, indent=label.ljust(_MARGIN), hanging=" " * _MARGIN)
        for label, text in facts
        if text
    ]
    return "\n".join(lines) + "\n"


def _users(label: str, uses: Sequence[CallerUse], now: int) -> list[tuple[str, str]]:
    shown = [f"{use.caller or 'an unknown caller'} ({use.service}), {ago(use.last_at, now)}" for use in uses]
    lines = shown[:_LISTED] + ([f"and {len(shown) - _LISTED} more"] if len(shown) > _LISTED else [])
    return [(label if number == 0 else "", line) for number, line in enumerate(lines or ["nobody"])]


def _from(rotation: Rotation) -> str:
    addresses = rotation.addresses
    more = f" and {len(addresses) - _LISTED} more" if len(addresses) > _LISTED else ""
    return f", from {', '.join(addresses[:_LISTED])}{more}" if addresses else ""
