"""What the parts of the page look up in a report, worked out once."""

from collections import defaultdict

import msgspec

from audit_cli.reports.html.line import Line, lines_of
from projections.audit.findings import Finding, FindingStatus
from projections.audit.report import AuditedKey, AuditReport

NOBODY = "nobody"


class Sheet(msgspec.Struct, frozen=True):
    """A report with its keys as they are printed and its findings by key."""

    report: AuditReport
    keys: list[AuditedKey]
    by_id: dict[str, AuditedKey]
    open_by_key: dict[str, list[Finding]]
    lines: list[Line]

    def owner(self, key_id: str) -> str:
        """Whose key it is."""
        return owner_of(self.by_id[key_id])

    @property
    def active(self) -> list[AuditedKey]:
        """The keys that were good for something."""
        return [key for key in self.keys if key.state == "active"]


def sheet_of(report: AuditReport) -> Sheet:
    """The sheet of a report."""
    keys = report.keys
    found: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        if finding.status is FindingStatus.OPEN:
            found[finding.key_id].append(finding)
    return Sheet(report, keys, {key.id: key for key in keys}, dict(found), lines_of(report))


def owner_of(key: AuditedKey) -> str:
    """Whose key it is, as the page says it."""
    return key.owner or NOBODY


def counted(count: int, noun: str) -> str:
    """The count with its noun: `1 key`, `12 keys`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
