"""A key on one screen: its facts, who uses it, and who was refused."""

from collections.abc import Sequence

from audit_cli import console
from audit_cli.reports.terminal import wrapped
from audit_cli.wording import ago, by, counted, dated, last_used, moment, short_id
from ledger.events import KeyCreated
from ledger.ids import format_id
from ledger.recorded import Recorded
from projections.key_record import CallerUse, Denial, KeyRecord

_SHOWN = 20


def card(record: KeyRecord, story: Sequence[Recorded], now: int) -> str:
    """The key as text."""
    facts = [(label, text) for label, text in _facts(record, story, now) if text]
    margin = max(len(label) for label, _ in facts) + 2
    width = console.width()
    lines = [wrapped(text, width, indent=label.ljust(margin), hanging=" " * margin) for label, text in facts]
    parts = ["\n".join(lines) + "\n"]
    if record.uses:
        parts.append(_uses(record.uses, now))
    if record.denials:
        parts.append(_denials(record.denials, now))
    return "\n".join(parts)


def _facts(record: KeyRecord, story: Sequence[Recorded], now: int) -> list[tuple[str, str | None]]:
    origin = None if record.is_minted_here else f"{record.source} {record.external_id or ''}".strip()
    return [
        ("Key", record.name),
        ("Id", format_id(record.id)),
        ("State", _state(record, now)),
        ("Secret", record.masked),
        ("Origin", origin),
        ("Account", record.account),
        ("Owner", _owner(record)),
        ("Created", _created(record, story, now)),
        ("Expires", _expires(record, now)),
        ("Scopes", ", ".join(record.scopes)),
        ("Rotated", _rotated(record, now)),
        ("Warned", _warned(record, now)),
        ("Last used", _last_used(record, now)),
        ("Uses", _count(record)),
        ("Confirmed", _confirmed(record, now)),
    ]


def _state(record: KeyRecord, now: int) -> str:
    at = {"revoked": record.revoked_at, "disabled": record.disabled_at}.get(record.status(now))
    return record.status(now) if at is None else f"{record.status(now)} since {dated(at, now)}"


def _owner(record: KeyRecord) -> str:
    if record.owner is None:
        return "nobody"
    return f"{record.owner} (no longer a member)" if record.owner_departed else record.owner


def _created(record: KeyRecord, story: Sequence[Recorded], now: int) -> str:
    if record.created_at is None:
        return f"unknown, first seen {dated(record.known_since, now)}"
    if record.created_by is None:
        return dated(record.created_at, now)
    creation = next((told.event for told in story if isinstance(told.event, KeyCreated)), None)
    creator = by(record.created_by, creation.authentication) if creation else record.created_by
    return f"{dated(record.created_at, now)} by {creator}"


def _expires(record: KeyRecord, now: int) -> str | None:
    if record.expires_at is None:
        return "never" if record.is_minted_here else None
    return dated(record.expires_at, now)


def _rotated(record: KeyRecord, now: int) -> str | None:
    if record.rotated_at is None or record.successor_id is None or record.overlap_ends_at is None:
        return None
    works = "worked" if record.overlap_ends_at <= now else "works"
    return (
        f"{dated(record.rotated_at, now)}: the successor is {short_id(record.successor_id)},"
        f" this one {works} until {moment(record.overlap_ends_at)}"
    )


def _warned(record: KeyRecord, now: int) -> str | None:
    if not record.marks.warnings:
        return None
    latest = record.marks.warnings[-1]
    return f"{dated(latest.warned_at, now)}: it is to end for {latest.rule}, plan {short_id(latest.plan_id)}"


def _last_used(record: KeyRecord, now: int) -> str:
    return last_used(record, now) if record.last_used_at is None else dated(record.last_used_at, now)


def _count(record: KeyRecord) -> str:
    if record.use_count is None:
        return "an unknown number"
    errors = f", {counted(record.error_count, 'error')}" if record.error_count else ""
    first = f", the first {moment(record.first_used_at)}" if record.first_used_at is not None else ""
    return f"{record.use_count:,}{errors}{first}"


def _confirmed(record: KeyRecord, now: int) -> str | None:
    at = record.marks.confirmed_at
    return None if at is None else dated(at, now)


def _uses(uses: Sequence[CallerUse], now: int) -> str:
    latest = sorted(uses, key=lambda use: -use.last_at)
    rows = [
        (use.caller or "unknown", use.service, use.count, use.error_count, ago(use.last_at, now))
        for use in latest[:_SHOWN]
    ]
    headers = ("Used by", "Service", "Uses", "Errors", "Last")
    return console.table(headers, rows, flexible=(0, 1)) + _more(len(uses))


def _denials(denials: Sequence[Denial], now: int) -> str:
    latest = sorted(denials, key=lambda denial: -denial.last_at)
    rows = [
        (denial.caller or "unknown", denial.service, denial.reason, denial.count, ago(denial.last_at, now))
        for denial in latest[:_SHOWN]
    ]
    headers = ("Refused to", "Service", "Being", "Times", "Last")
    return console.table(headers, rows, flexible=(0, 1)) + _more(len(denials))


def _more(count: int) -> str:
    return f"and {count - _SHOWN} more\n" if count > _SHOWN else ""
