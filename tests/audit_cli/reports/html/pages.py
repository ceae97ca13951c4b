"""Reports to make pages of: one that tries to break out of the page, and one of 5,000 keys."""

from functools import cache

import msgspec

from audit_cli.reports.html.page import render_html
from projections.audit.report import AuditReport, audit
from projections.audit.staleness import shown_days, stalest_first
from projections.daily_use import DailyUse
from projections.key_record import KeyRecord
from tests.projections.audit.records import DAY, HOUR, NOW, aws, minted, never_used, unused_since
from tests.projections.audit.samples import RECORDS, SCOPE

HOSTILE = (
    minted(name="</script><script>document.title='owned'</script>", owner="<img src=x onerror=alert(1)>"),
    minted(
        name="]]> <!-- <style>*{display:none}</style>",
        owner='" onmouseover="alert(1)',
        created_at=NOW - 99 * DAY,
    ),
    minted(name="\u202eevil\x00name\u2028", owner="a&b=c"),
    aws(external_id="arn:aws:iam::123456789012:user/<b>deploy</b>", owner="{{7*7}}${x}"),
    aws(external_id="{}$&", name="{}", last_used_at=NOW - 80 * DAY),
)


def with_days(report: AuditReport, every: int = 3) -> AuditReport:
    """The report with uses on every so manieth day up to each key's last use."""
    first, last = shown_days(NOW)
    counts = {
        each.record.id: {day: 1 + day % 150 for day in range(first, _last_day(each.record, first) + 1, every)}
        for each in stalest_first(report.judged)
    }
    return msgspec.structs.replace(report, daily_use=DailyUse(first, last, counts))


def _last_day(record: KeyRecord, first: int) -> int:
    return first - 1 if record.last_used_at is None else record.last_used_at // DAY


def hostile() -> AuditReport:
    return with_days(audit(SCOPE, (*RECORDS, *HOSTILE)))


@cache
def hostile_page() -> str:
    return render_html(hostile())


def many_keys(count: int) -> AuditReport:
    """Keys of many owners, a third of them with findings, most of them used on every other day."""
    records = [_one_of_many(number) for number in range(count)]
    return with_days(audit(SCOPE, records), every=2)


def _one_of_many(number: int) -> KeyRecord:
    name = f"service-{number:05}-{('billing', 'search', 'deploy')[number % 3]}-production"
    owner = f"team-{number % 300}@example.com"
    match number % 6:
        case 0:
            return unused_since(NOW - (46 + number % 400) * DAY, name=name, owner=owner)
        case 1:
            return never_used(name=name, owner=owner, created_at=NOW - (8 + number % 80) * DAY)
        case 2:
            return minted(name=name, owner=owner, created_at=NOW - (91 + number % 700) * DAY)
        case _:
            return minted(name=name, owner=owner, last_used_at=NOW - (number % 30) * HOUR, use_count=number)


@cache
def large_page() -> str:
    return render_html(many_keys(5_000))
