import csv
import io
import json
import re
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from audit_cli.reports.csv import cell
from audit_cli.reports.formats import Format, render
from audit_cli.reports.markdown import escaped
from audit_cli.reports.terminal import printable
from projections.audit.findings import Finding, FindingStatus
from projections.audit.report import AuditedKey, AuditReport, audit
from projections.audit.rules import find_rule
from tests.projections.audit.records import minted
from tests.projections.audit.samples import RECORDS, SCOPE, sample

GOLDEN_TABLE = Path(__file__).parent / "table-80.txt"
ANSI = re.compile(r"\x1b\[[0-9;]*m")

CLEAN = audit(SCOPE, [minted()])


def waived() -> AuditReport:
    """The sample with its first finding waived."""
    report = sample()
    first = msgspec.structs.replace(report.findings[0], status=FindingStatus.WAIVED)
    summary = msgspec.structs.replace(report.summary, findings=report.summary.findings - 1, waived=1)
    return msgspec.structs.replace(report, findings=[first, *report.findings[1:]], summary=summary)


def csv_rows(report: AuditReport) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render(report, Format.CSV), newline=""), strict=True))


def markdown_rows(report: AuditReport) -> list[list[str]]:
    lines = [line for line in render(report, Format.MARKDOWN).splitlines() if line.startswith("|")]
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]


@pytest.mark.parametrize("form", [Format.TABLE, Format.MARKDOWN, Format.HTML])
def test_a_report_of_some_rules_says_that_it_asked_no_others(form: Format) -> None:
    some = audit(SCOPE, [minted()], rules=(find_rule("aged-key"), find_rule("no-expiry")))

    assert "only aged-key, no-expiry" in render(some, form)
    assert "only aged-key" not in render(CLEAN, form)


@pytest.mark.parametrize("form", [Format.TABLE, Format.MARKDOWN, Format.HTML])
def test_a_report_of_a_newer_server_is_printed(form: Format) -> None:
    policy = CLEAN.policy | {"threshold_of_tomorrow": "3d"}

    assert CLEAN.organization in render(msgspec.structs.replace(CLEAN, policy=policy), form)


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize("report", [sample(), CLEAN, waived()], ids=["findings", "clean", "waived"])
def test_every_format_is_text_that_ends_its_last_line_and_is_the_same_each_time(
    form: Format, report: AuditReport
) -> None:
    text = render(report, form)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert text == render(report, form)


@pytest.mark.parametrize("form", [form for form in Format if form is not Format.CSV])
def test_every_report_says_what_it_ran_on_even_when_it_found_nothing(form: Format) -> None:
    text = render(CLEAN, form)
    for fact in ("acme", "2026-01-01T00:00:00Z", "1234", CLEAN.policy_sha256, "0.1.0"):
        assert fact in text


@pytest.mark.parametrize("form", Format)
def test_every_format_names_every_finding(form: Format) -> None:
    report = sample()
    text = render(report, form)
    assert text.count("used-after-revocation") >= report.summary.by_rule["used-after-revocation"]
    for finding in report.findings:
        assert finding.rule in text
        assert finding.key_id[:8] in text


@pytest.mark.parametrize("form", [Format.TABLE, Format.CSV, Format.MARKDOWN])
def test_no_name_can_steer_a_terminal(form: Format) -> None:
    text = render(sample(), form)
    assert "\x1b" not in text
    assert r"\x1b" in text


def test_json_is_the_report_itself() -> None:
    parsed = json.loads(render(sample(), Format.JSON))
    assert parsed == json.loads(msgspec.json.encode(sample().document()))
    assert msgspec.convert(parsed["keys"], list[AuditedKey]) == sample().keys
    assert msgspec.convert(parsed["findings"], list[Finding]) == sample().findings


def test_json_lines_begin_with_a_summary_and_each_finding_stands_alone() -> None:
    head, *lines = map(json.loads, render(sample(), Format.JSONL).splitlines())
    assert head["schema"] == "keyledger.audit-summary/1"
    assert head["summary"]["findings"] == len(lines) == len(sample().findings)
    assert head["policy"]["unused_for"] == "45d"
    for line, finding in zip(lines, sample().findings, strict=True):
        assert line["schema"] == "keyledger.finding/1"
        assert (line["organization"], line["as_of"], line["position"]) == (
            "acme",
            "2026-01-01T00:00:00Z",
            1234,
        )
        assert line | json.loads(msgspec.json.encode(finding)) == line


def test_a_clean_audit_still_has_its_summary_line() -> None:
    (line,) = render(CLEAN, Format.JSONL).splitlines()
    assert json.loads(line)["summary"]["findings"] == 0


def test_csv_reads_back_as_the_findings() -> None:
    rows = csv_rows(sample())
    assert len(rows) == len(sample().findings)
    for row, finding in zip(rows, sample().findings, strict=True):
        assert row["id"] == finding.id
        assert row["severity"] == finding.severity
        assert row["external_id"] == (finding.external_id or "")
        assert row["message"] == finding.message
        assert [int(position) for position in row["evidence"].split()] == list(finding.evidence)
        assert (row["organization"], row["position"], row["checkpoint"]) == ("acme", "1234", "")


def test_csv_lines_end_in_cr_lf_and_no_cell_spans_lines() -> None:
    text = render(sample(), Format.CSV)
    assert text.count("\r\n") == text.count("\n") == 1 + len(sample().findings)


def test_a_clean_csv_is_its_header() -> None:
    assert render(CLEAN, Format.CSV).count("\r\n") == 1
    assert render(CLEAN, Format.CSV).startswith(
        "id,rule,severity,status,key_id,key_name,external_id,message,"
    )


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20"])
def test_no_csv_cell_is_a_formula(first: str) -> None:
    assert cell(f"{first}1+1").startswith("'")
    name = next(row["key_name"] for row in csv_rows(sample()) if "HYPERLINK" in row["key_name"])
    assert name == '\'=HYPERLINK("http://evil.example","x")'


@given(st.text())
def test_whatever_the_text_a_csv_cell_is_harmless(text: str) -> None:
    assert not cell(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert cell(text).isprintable()


def test_markdown_is_a_table_of_seven_columns_whatever_the_names() -> None:
    header, ruler, *rows = markdown_rows(sample())
    assert [name.strip() for name in header] == [
        *("Severity", "Status", "Rule", "Key", "Finding", "Evidence", "Remedy"),
    ]
    assert {name.strip() for name in ruler} == {"---"}
    assert len(rows) == len(sample().findings)
    assert {len(row) for row in rows} == {7}


def test_a_markdown_parser_sees_one_table_of_plain_text_and_reads_back_each_finding() -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(render(sample(), Format.MARKDOWN))
    inside = [child for token in tokens for child in token.children or ()]
    cells = [
        "".join(child.content for child in after.children or ())
        for token, after in pairwise(tokens)
        if token.type == "td_open"
    ]

    assert [token.type for token in tokens].count("table_open") == 1
    assert {child.type for child in inside} == {"text"}
    rows = [cells[start : start + 7] for start in range(0, len(cells), 7)]
    assert [(row[0], row[2], row[4], row[6]) for row in rows] == [
        (each.severity, each.rule, printable(each.message), each.remedy) for each in sample().findings
    ]


def test_markdown_shows_names_and_never_obeys_them() -> None:
    text = render(sample(), Format.MARKDOWN)
    assert "<script>" not in text
    assert r"a\|b \`c\` &lt;script&gt;alert(1)&lt;/script&gt;\\n# \[x\](y) \\x1b\[31m" in text
    assert escaped("see http://evil.example or www.evil.example") == (
        r"see http\://evil.example or www\.evil.example"
    )


@given(st.text())
def test_whatever_the_text_it_stays_in_its_markdown_cell(text: str) -> None:
    shown = escaped(text)
    assert shown.isprintable()
    assert not re.search(r"[<>]|(?<!\\)(?:\\\\)*[|`*\[]", shown)


def test_the_table_at_80_columns_is_pinned() -> None:
    assert render(waived(), Format.TABLE, width=80) == GOLDEN_TABLE.read_text()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("color", [False, True])
def test_no_line_of_the_table_is_wider_than_asked(width: int, *, color: bool) -> None:
    for line in render(waived(), Format.TABLE, width=width, color=color).splitlines():
        assert len(ANSI.sub("", line)) <= width
        assert line == line.rstrip()


def test_a_terminal_too_narrow_for_anything_gets_forty_columns() -> None:
    assert render(sample(), Format.TABLE, width=1) == render(sample(), Format.TABLE, width=40)


def test_colour_marks_severities_and_changes_nothing_else() -> None:
    plain, coloured = (render(sample(), Format.TABLE, color=color) for color in (False, True))
    assert "\x1b[1;31mcritical\x1b[0m" in coloured
    assert ANSI.sub("", coloured) == plain


def test_a_clean_table_says_so() -> None:
    text = render(CLEAN, Format.TABLE)
    assert "1 key, 0 findings. Active keys: 1 used." in text
    assert "Severity" not in text
    assert "0 keys, 0 findings. Active keys: none." in render(audit(SCOPE, []), Format.TABLE)


def test_a_checkpoint_is_named() -> None:
    report = audit(msgspec.structs.replace(SCOPE, checkpoint="1234:abcd"), RECORDS)
    assert "position 1234, checkpoint 1234:abcd" in render(report, Format.TABLE)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain ünïcode 漢字", "plain ünïcode 漢字"), ("a\nb\x1b[2J\u202e", r"a\nb\x1b[2J\u202e"), ("", "")],
)
def test_what_cannot_be_seen_is_spelt_out(text: str, shown: str) -> None:
    assert printable(text) == shown
