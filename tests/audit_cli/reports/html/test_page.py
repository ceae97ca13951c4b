import base64
import json
import re
from hashlib import sha256
from typing import Any
from xml.etree.ElementTree import Element

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tinyhtml5.parser import HTMLParser

from audit_cli.reports.formats import Format, render
from audit_cli.reports.html.figures import verdict
from audit_cli.reports.html.markup import element, text, verbatim
from audit_cli.reports.html.page import render_html
from audit_cli.reports.html.sheet import sheet_of
from audit_cli.reports.terminal import printable
from projections.audit.findings import FindingStatus
from projections.audit.report import AuditReport, audit
from tests.audit_cli.reports.html.pages import hostile, hostile_page, large_page, many_keys
from tests.audit_cli.reports.test_sarif import compared, waived
from tests.projections.audit.records import minted
from tests.projections.audit.samples import RECORDS, SCOPE

REPORTS = {
    "hostile": hostile(),
    "one": audit(SCOPE, [minted()]),
    "none": audit(SCOPE, []),
    "waived": waived(),
    "since": compared(),
    "many": many_keys(250),
    "assessed": audit(SCOPE, RECORDS, assess=True),
}


def parsed(page: str) -> Element:
    """The page as a parser sees it that was written by others, and that finds no fault with it."""
    parser = HTMLParser(namespace_html_elements=False)
    root: Element = parser.parse(page)
    # Of `<th>` in a fragment and the like; what is asked here is that there be none at all.
    assert parser.errors == []
    return root


def said(found: Element) -> str:
    return "".join(found.itertext())


def rows(page: str, table: str) -> list[list[str]]:
    (found,) = (each for each in parsed(page).iter("table") if each.get("id") == f"{table}-table")
    body = found.find("tbody")
    assert body is not None
    return [[said(cell) for cell in row] for row in body]


def data(page: str) -> dict[str, Any]:
    (block,) = (each for each in parsed(page).iter("script") if each.get("id") == "data")
    found: dict[str, Any] = json.loads(block.text or "")
    return found


@pytest.mark.parametrize("name", REPORTS)
def test_a_parser_finds_no_fault_with_the_page(name: str) -> None:
    root = parsed(render(REPORTS[name], Format.HTML))

    assert root.get("lang") == "en"
    assert len(list(root.iter("h1"))) == 1
    assert all(table.find("caption") is not None for table in root.iter("table"))


def test_no_name_becomes_markup() -> None:
    root = parsed(hostile_page())

    assert [each.get("id") for each in root.iter("script")] == ["data", None]
    assert len(list(root.iter("style"))) == 1
    assert not [
        each for tag in ("img", "b") for each in root.iter(tag) if each.get("src") or each.text == "deploy"
    ]
    assert not [
        name for each in root.iter() for name, _ in each.items() if name.startswith("on") or name == "style"
    ]
    names = {row[0] for row in rows(hostile_page(), "keys")}
    assert any(name.startswith("</script><script>document.title='owned'</script>") for name in names)


def test_what_cannot_be_seen_is_spelt_out() -> None:
    visible = hostile_page().replace("\n", "")

    assert visible.isprintable()
    assert r"\u202eevil\x00name\u2028" in visible


@given(st.text())
def test_whatever_the_text_it_stays_text(hostile_text: str) -> None:
    paragraph = element("p", text(hostile_text), title=hostile_text)
    root = parsed(f"<!DOCTYPE html><html><head><title>x</title></head><body>{paragraph}</body></html>")

    (found,) = root.iter("p")
    assert found.text or printable(hostile_text) == ""
    assert found.get("title") == printable(hostile_text)


def test_a_script_of_ours_cannot_end_its_element() -> None:
    with pytest.raises(ValueError, match="must not hold"):
        verbatim("script", "'</script>'")


def test_the_page_lets_nothing_in_but_its_own_style_and_script() -> None:
    root = parsed(hostile_page())
    (rules,) = (each.get("content") or "" for each in root.iter("meta") if each.get("http-equiv"))
    (style,) = root.iter("style")
    script = list(root.iter("script"))[-1]

    assert "default-src 'none'" in rules
    assert "unsafe" not in rules
    assert "http" not in rules
    for kind, own in (("style-src", style), ("script-src", script)):
        digest = base64.b64encode(sha256((own.text or "").encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in rules


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    for each in parsed(hostile_page()).iter():
        for name in ("src", "href", "action", "poster", "srcset", "data"):
            assert (each.get(name) or "#").startswith(("#", "data:,"))
    assert not re.search(r"url\(|@import", hostile_page())


@pytest.mark.parametrize("name", REPORTS)
def test_every_finding_and_every_key_is_in_the_data(name: str) -> None:
    report = REPORTS[name]
    found = data(render_html(report))

    assert [row[0] for row in found["keys"]] == [key.id for key in report.keys]
    told = found["findings"][: len(report.findings)]
    assert [(found["keys"][row[0]][0], found["words"][row[1]], row[6]) for row in told] == [
        (finding.key_id, finding.rule, list(finding.evidence)) for finding in report.findings
    ]
    remedies = [found["words"][row[7]].replace("\0", found["keys"][row[0]][0]) for row in told]
    assert remedies == [printable(finding.remedy) for finding in report.findings]


def test_without_a_script_the_first_rows_are_there_with_their_evidence() -> None:
    report = hostile()
    shown = rows(hostile_page(), "findings")

    assert len(shown) == len(report.findings)
    for (severity, key, _, finding), expected in zip(shown, report.findings, strict=True):
        assert severity == expected.severity
        assert expected.key_id[:8] in key
        assert expected.rule in finding
        assert printable(expected.message) in finding
        assert ", ".join(map(str, expected.evidence)) in finding
        assert printable(expected.remedy) in finding
    assert len(rows(hostile_page(), "keys")) == len(report.keys)


def test_a_page_of_many_keys_shows_the_first_and_says_where_all_are() -> None:
    page = render_html(REPORTS["many"])

    assert len(rows(page, "keys")) == 100
    assert "Showing 100 of 250 keys." in page
    assert "audit --format csv" in page


def test_a_waived_finding_is_marked_and_a_new_one_too() -> None:
    assert rows(render_html(REPORTS["waived"]), "findings")[0][0] == "criticalwaived"
    assert rows(render_html(REPORTS["since"]), "findings")[0][0] == "criticalnew"
    assert "Since run 1: 1 new, 12 persisting, 2 resolved" in render_html(REPORTS["since"])


def test_what_passed_and_what_could_not_be_told_follow_the_findings_where_that_was_asked_for() -> None:
    report = REPORTS["assessed"]
    found = data(render_html(report))
    told = [(found["words"][row[1]], found["words"][row[3]], row[5]) for row in found["findings"]]

    assert told[len(report.findings) :] == [
        (each.rule, each.outcome, printable(each.reason or "")) for each in report.unfound
    ]
    assert {"passed", "not-assessable", "not-applicable"} <= {status for _, status, _ in told}


def test_the_page_says_what_it_ran_on_and_how_to_have_it_again() -> None:
    report = REPORTS["one"]
    page = render_html(report)

    for fact in (
        report.policy_sha256,
        report.sha256().hex(),
        "--at-position 1234",
    ):
        assert fact in page


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (audit(SCOPE, []), "There is no key to audit."),
        (audit(SCOPE, [minted()]), "Nothing is open on the one key."),
        (audit(SCOPE, [minted(), minted(name="deploy-prod")]), "Nothing is open on any of 2 keys."),
        (audit(SCOPE, [minted(), minted(name="test")]), "1 of 2 keys needs attention."),
        (hostile(), "13 of 17 keys need attention, 1 of them at once."),
    ],
    ids=["none", "one", "clean", "mild", "urgent"],
)
def test_the_headline_says_how_many_keys_need_attention(report: AuditReport, sentence: str) -> None:
    assert verdict(sheet_of(report)) == sentence


def test_the_headline_tells_of_waivers_where_nothing_else_is_open() -> None:
    report = audit(SCOPE, [minted(name="test")])
    (found,) = report.findings
    summary = msgspec.structs.replace(report.summary, findings=0, waived=1)
    accepted = msgspec.structs.replace(found, status=FindingStatus.WAIVED)
    report = msgspec.structs.replace(report, findings=[accepted], summary=summary)

    assert verdict(sheet_of(report)) == "Nothing is open on the one key; 1 finding is waived."


def test_5000_keys_stay_under_3_megabytes() -> None:
    assert len(large_page().encode()) < 3_000_000
