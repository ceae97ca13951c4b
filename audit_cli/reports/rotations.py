"""Rotations as people read them."""

from collections.abc import Sequence

from audit_cli.reports.terminal import wrapped
from audit_cli.wording import ago, counted, moment, short_id
from projections.documents.rotations import JudgedRotation
from projections.key_record import CallerUse, Denial
from projections.rotations import OldCaller, Rotation

_MARGIN = 12
_LISTED = 5
_LEAST_RATE = 0.1


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
        *_listed("Old key", [_still(use, now) for use in rotation.still] or ["nobody"]),
        *_listed("Refused", [_refused(denial, now) for denial in rotation.refused]),
        *_listed("Moved", [_moved(use, now) for use in rotation.moved] or ["nobody"]),
        ("Verdict", "safe to revoke" if not reasons else f"not yet, because {'; '.join(reasons)}"),
    ]
    lines = [
        wrapped(text, width, indent=label.ljust(_MARGIN), hanging=" " * _MARGIN)
        for label, text in facts
        if text
    ]
    return "\n".join(lines) + "\n"


def _listed(label: str, lines: Sequence[str]) -> list[tuple[str, str]]:
    more = [f"and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
    return [(label if number == 0 else "", line) for number, line in enumerate([*lines[:_LISTED], *more])]


def _still(use: OldCaller, now: int) -> str:
    addresses = ", ".join(use.addresses[:_LISTED])
    more = f" and {len(use.addresses) - _LISTED} more" if len(use.addresses) > _LISTED else ""
    from_where = f" from {addresses}{more}" if addresses else ""
    return f"{_named(use)}{from_where}, {ago(use.last_at, now)}, {_rate(use.uses_a_day)} a day"


def _refused(denial: Denial, now: int) -> str:
    return f"{_named(denial)}, {counted(denial.count, 'time')}, {ago(denial.last_at, now)}"


def _moved(use: CallerUse, now: int) -> str:
    return f"{_named(use)}, {ago(use.last_at, now)}"


def _named(use: OldCaller | Denial | CallerUse) -> str:
    return f"{use.caller or 'an unknown caller'} ({use.service})"


def _rate(uses_a_day: float) -> str:
    if 0 < uses_a_day < _LEAST_RATE:
        return f"less than {_LEAST_RATE} uses"
    return "1 use" if uses_a_day == 1 else f"{uses_a_day:,.1f} uses".replace(".0 ", " ")
