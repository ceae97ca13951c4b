"""The lines of the table of findings: the findings, then what else came of the rules where that was asked."""

import msgspec

from audit_cli.reports.headline import told
from projections.audit.assessments import Assessment
from projections.audit.findings import Finding, FindingStatus
from projections.audit.report import AuditReport


class Line(msgspec.Struct, frozen=True):
    """One rule on one key; `status` is a finding's, or the outcome where there is none."""

    rule: str
    severity: str
    status: str
    key_id: str
    key_name: str
    told: str
    evidence: tuple[int, ...]
    remedy: str
    is_new: bool

    @property
    def is_found(self) -> bool:
        """Whether it is of a finding, open or waived."""
        return self.status in set(FindingStatus)


def lines_of(report: AuditReport) -> list[Line]:
    """The lines in printed order."""
    new = frozenset(report.since.new) if report.since else frozenset[str]()
    found = [_of_finding(finding, is_new=finding.id in new) for finding in report.findings]
    return found + [_of_assessment(assessment) for assessment in report.unfound]


def _of_finding(finding: Finding, *, is_new: bool) -> Line:
    return Line(
        finding.rule,
        finding.severity,
        finding.status,
        finding.key_id,
        finding.key_name,
        told(finding),
        finding.evidence,
        finding.remedy,
        is_new,
    )


def _of_assessment(assessment: Assessment) -> Line:
    return Line(
        assessment.rule,
        assessment.severity,
        assessment.outcome,
        assessment.key_id,
        assessment.key_name,
        assessment.reason or "",
        (),
        "",
        is_new=False,
    )
