"""What has changed since an earlier audit: findings that are new, that persist and that are resolved."""

from collections.abc import Collection
from typing import TYPE_CHECKING

import msgspec

from ledger.ids import format_id
from projections.audit.findings import finding_id
from projections.audit.rules import RULES

if TYPE_CHECKING:
    from projections.audit.report import AuditReport


class Resolved(msgspec.Struct, frozen=True):
    """A finding that was open and is not any more; key and rule are None where nobody knows them now."""

    id: str
    rule: str | None
    key_id: str | None
    key_name: str | None


class Comparison(msgspec.Struct, frozen=True):
    """The open findings of a report against those of an earlier one, by their ids, in printed order.

    One that was accepted since persists: a waiver resolves nothing.
    """

    since: str
    new: list[str]
    persisting: list[str]
    resolved: list[Resolved]


def compare(report: "AuditReport", since: str, earlier: Collection[str]) -> Comparison:
    """Compare with the ids of the findings that were open; `since` says when."""
    before = set(earlier)
    found = [finding.id for finding in report.findings]
    gone = before - set(found)
    return Comparison(
        since,
        [finding.id for finding in report.open_findings if finding.id not in before],
        [each for each in found if each in before],
        _resolved(report, gone) if gone else [],
    )


def _resolved(report: "AuditReport", gone: set[str]) -> list[Resolved]:
    """Ids are digests: what they were of is found by making those of all keys and rules again.

    Of a rule that was not asked this time nobody knows whether anything is resolved.
    """
    known: dict[str, Resolved] = {}
    for judged in report.judged:
        for rule in RULES:
            each = finding_id(rule.id, judged.record.id)
            if each in gone:
                known[each] = Resolved(each, rule.id, format_id(judged.record.id), judged.record.name)
    unknown = [Resolved(each, None, None, None) for each in sorted(gone - set(known))]
    asked = [each for each in known.values() if each.rule in report.summary.by_rule]
    return [*sorted(asked, key=lambda each: (each.key_name, each.key_id, each.rule)), *unknown]
