"""AWS IAM credential reports: the state of every access key of an account, and when each was last used.

A report vouches for the keys that it lists, by a summary of each, and not for its account as a whole: that
would take in keys that were created after it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import msgspec

from ledger.errors import InvalidInput
from ledger.events import KeyState
from ledger.importers.aws import SOURCE, account_of
from ledger.importers.credential_report_file import SLOTS, CredentialReport, Row, load_credential_report
from ledger.importers.values import moment_in, quoted
from ledger.moments import MICROSECOND, SECOND_US, format_moment, parse_moment
from ledger.observation import ExternalKey, Observation, UsageSummary
from ledger.usage import FUTURE_TOLERANCE, Doubt, OnDoubt, Refusal

REPORTER = "iam-credential-report"
# Before this day AWS did not record the use of access keys, so `N/A` says nothing about it.
TRACKING_STARTED_AT = parse_moment("2015-04-22")

ReportItem: TypeAlias = Observation | UsageSummary | Refusal

_NOTHING = frozenset({"", "N/A", "no_information", "not_supported"})
_STATES = {"true": KeyState.ACTIVE, "false": KeyState.DISABLED}
# A last use is told to the minute: it may seem to come that much before the creation, or after the report.
_PRECISION_US = 60 * SECOND_US
_FUTURE_TOLERANCE_US = FUTURE_TOLERANCE // MICROSECOND
# The columns that look back; `password_next_rotation` looks ahead.
_PAST = (
    "user_creation_time",
    "password_last_used",
    "password_last_changed",
    *(f"access_key_{slot}_{what}" for slot in SLOTS for what in ("last_rotated", "last_used_date")),
    *(f"cert_{slot}_last_rotated" for slot in SLOTS),
)


class _Slot(msgspec.Struct, frozen=True):
    """One access key of one user, as the report of a moment has it."""

    name: str
    row: Row
    key: ExternalKey
    rotated_at: int
    generated_at: int

    def cell(self, column: str) -> str:
        return self.row.cells[f"{self.name}_{column}"]

    @property
    def where(self) -> str:
        return _where(self.row)


def read_credential_report(
    path: Path, generated_at: int | None, now: int, on_doubt: OnDoubt = lambda _doubt: None
) -> Iterator[ReportItem]:
    """All that the report in the file says; InvalidInput at once if it is none. See `report_items`."""
    return report_items(load_credential_report(path), generated_at, now, on_doubt)


def report_items(
    report: CredentialReport, generated_at: int | None, now: int, on_doubt: OnDoubt = lambda _doubt: None
) -> Iterator[ReportItem]:
    """All that a report says; `generated_at` is when AWS made it.

    Where that is not given, the report's own word counts, or else `assumed_generation`. `on_doubt` hears of
    each key whose creation cannot be right.
    """
    at = next((moment for moment in (generated_at, report.generated_at) if moment is not None), None)
    if at is None:
        at = assumed_generation(report, now)
    if at > now + _FUTURE_TOLERANCE_US:
        raise InvalidInput(
            f"a report of {format_moment(at)} is in the future: it is {format_moment(now)} here;"
            " say when the report was generated"
        )
    return _items(report, at, on_doubt)


def assumed_generation(report: CredentialReport, now: int) -> int:
    """The newest date in the report that is not after `now`: the report is at least that young.

    Taking it for the moment of the report can only claim too short a period, never too long a one.
    """
    dates = (_past_date(row.cells.get(column, "")) for row in report.rows for column in _PAST)
    known = [date for date in dates if date is not None and date <= now]
    if not known:
        raise InvalidInput("the report holds no date to go by; say when it was generated")
    return max(known)


def _past_date(text: str) -> int | None:
    try:
        return parse_moment(text)
    except InvalidInput:
        return None


def _items(report: CredentialReport, at: int, on_doubt: OnDoubt) -> Iterator[ReportItem]:
    for row in report.rows:
        if row.defect is not None:
            yield Refusal(_where(row), row.defect)
            continue
        for number in SLOTS:
            try:
                slot = _slot(row, number, at)
                if slot is not None:
                    yield from _slot_items(slot, on_doubt)
            except InvalidInput as error:
                yield Refusal(_where(row), str(error))


def _slot(row: Row, number: int, at: int) -> _Slot | None:
    """The key in a slot; None for an empty one."""
    name = f"access_key_{number}"
    rotated = row.cells[f"{name}_last_rotated"]
    if rotated in _NOTHING:
        _check_empty(row, name)
        return None
    arn = row.cells["arn"]
    account = account_of(arn)
    if account is None:
        raise InvalidInput(f"arn: {quoted(arn)} is not the ARN of a user")
    rotated_at = moment_in(f"{name}_last_rotated", rotated)
    key = ExternalKey(SOURCE, f"{arn}/{number}", account=account, generation=format_moment(rotated_at))
    return _Slot(name, row, key, rotated_at, at)


def _check_empty(row: Row, name: str) -> None:
    if row.cells[f"{name}_active"].lower() == "true":
        raise InvalidInput(
            f"{name} is active but has no rotation date to know it by; import what"
            " `aws iam list-access-keys` answers for this user"
        )


def _slot_items(slot: _Slot, on_doubt: OnDoubt) -> Iterator[ReportItem]:
    is_created = slot.rotated_at <= slot.generated_at
    yield Observation(
        key=slot.key,
        occurred_at=slot.generated_at,
        reporter=REPORTER,
        state=_state(slot),
        created_at=slot.rotated_at if is_created else None,
        owner=slot.row.cells["user"] or None,
        where=slot.where,
    )
    if not is_created:
        reason = (
            f"{slot.name}_last_rotated: {format_moment(slot.rotated_at)} is after the report itself"
            f" ({format_moment(slot.generated_at)}); the key is kept, its creation counts as unknown"
        )
        on_doubt(Doubt(slot.where, reason))
    if slot.generated_at >= TRACKING_STARTED_AT:
        yield _summary(slot)


def _state(slot: _Slot) -> KeyState:
    written = slot.cell("active")
    state = _STATES.get(written.lower())
    if state is None:
        raise InvalidInput(f"{slot.name}_active: {quoted(written)} is neither true nor false")
    return state


def _summary(slot: _Slot) -> UsageSummary:
    service = slot.cell("last_used_service")
    return UsageSummary(
        key=slot.key,
        occurred_at=slot.generated_at,
        reporter=REPORTER,
        covers_from=TRACKING_STARTED_AT,
        covers_to=slot.generated_at,
        last_used_at=_last_used(slot),
        service=None if service in _NOTHING else service,
        where=slot.where,
    )


def _last_used(slot: _Slot) -> int | None:
    written = slot.cell("last_used_date")
    if written in _NOTHING:
        return None
    used_at = moment_in(f"{slot.name}_last_used_date", written)
    if used_at - slot.generated_at >= _PRECISION_US:
        raise InvalidInput(
            f"{slot.name}_last_used_date: {format_moment(used_at)} is after the report itself"
            f" ({format_moment(slot.generated_at)}); say when the report was generated"
        )
    # The use was of this key, so it did not come before its creation; by more than the precision it is a
    # contradiction, which is kept for the audit to show.
    if 0 < slot.rotated_at - used_at < _PRECISION_US:
        used_at = slot.rotated_at
    return min(used_at, slot.generated_at)


def _where(row: Row) -> str:
    return f"line {row.line}"
