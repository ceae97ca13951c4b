import re

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from audit_cli.reports.formats import Format, render
from audit_cli.reports.github import render_github
from projections.audit.report import AuditReport
from tests.audit_cli.reports.test_sarif import CLEAN, waived
from tests.door import Door
from tests.projections.audit.samples import sample

COMMAND = re.compile(r"::(?P<name>[a-z]+) title=(?P<title>[^:,\r\n]*)::(?P<message>[^\r\n]*)")


def commands(text: str) -> list[tuple[str, str, str]]:
    """What the runner makes of the lines: it decodes what is escaped, and knows one command a line."""
    found = []
    for line in text.splitlines():
        match = COMMAND.fullmatch(line)
        assert match is not None, line
        found.append((match["name"], _decoded(match["title"]), _decoded(match["message"])))
    return found


def _decoded(text: str) -> str:
    for escape, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escape, char)
    return text


def named(report: AuditReport, name: str) -> AuditReport:
    first = msgspec.structs.replace(report.findings[0], key_name=name)
    return msgspec.structs.replace(report, findings=[first])


def test_each_finding_is_an_annotation_by_its_severity_the_worst_first() -> None:
    report = sample()
    *found, last = commands(render(report, Format.GITHUB))

    levels = {"critical": "error", "high": "error", "medium": "warning", "low": "notice", "info": "notice"}
    assert [name for name, _, _ in found] == [levels[finding.severity] for finding in report.findings]
    assert [title for _, title, _ in found] == [
        f"{finding.severity}: {finding.rule}" for finding in report.findings
    ]
    assert last[:2] == ("notice", "API key audit")
    assert "12 keys, 13 findings" in last[2]


def test_a_waived_finding_is_no_more_than_a_notice() -> None:
    (name, _, message), *_ = commands(render(waived(), Format.GITHUB))

    assert name == "notice"
    assert "waived until 2026-02-01T00:00:00Z by ada@example.com" in message


def test_a_clean_audit_says_so() -> None:
    ((name, _, message),) = commands(render(CLEAN, Format.GITHUB))

    assert name == "notice"
    assert message.startswith("1 key, 0 findings.")


@given(st.text())
def test_whatever_the_name_a_finding_is_one_command_and_says_the_name(name: str) -> None:
    (found, _) = commands(render_github(named(sample(), name)))

    assert found[0] == "error"
    assert "::" not in found[1]


def test_a_percent_sign_is_no_escape() -> None:
    ((_, _, message), _) = commands(render_github(named(sample(), "100%0A::error::x")))

    assert message.startswith("100%0A::error::x (")


def test_annotations_come_beside_a_report_in_another_format(keyledger: Door) -> None:
    keyledger.create("test")

    answer = keyledger("audit", "--format", "json", "--annotations", "github")

    assert answer.json["summary"]["findings"] == 1
    assert answer.err.startswith("::notice title=info%3A undescriptive-name::test (")
