import csv
import io
import json
import re

import msgspec
import pytest

from audit_cli.reports.compliance import render_compliance
from audit_cli.reports.control_texts import tally
from audit_cli.reports.formats import Format
from projections.audit.compliance import ComplianceReport, comply
from projections.audit.override import Override
from projections.audit.policy import Policy
from projections.audit.report import audit
from projections.policies import load_pack
from tests.audit_cli.reports.html.test_page import parsed
from tests.projections.audit.records import minted
from tests.projections.audit.samples import RECORDS, SCOPE


def report(pack_id: str = "nist-800-53") -> ComplianceReport:
    """What the sample's keys, whose names try to break out of every format, mean for a pack."""
    policy = Policy(overrides=(Override(name="<b>|\x1b[31m*", thresholds={"shared_callers": 3}),))
    found = audit(msgspec.structs.replace(SCOPE, policy=policy), RECORDS, assess=True)
    return comply(load_pack(pack_id), policy, found)


@pytest.mark.parametrize("width", [20, 80, 120])
def test_the_table_stays_within_the_width_and_steers_no_terminal(width: int) -> None:
    text = render_compliance(report(), Format.TABLE, width=width)

    assert text.replace("\n", "").isprintable()
    unbroken = [line for line in text.splitlines() if " " in line.strip()]
    assert max(map(len, unbroken)) <= max(width, 60)


def test_every_control_is_told_with_its_status_and_title() -> None:
    found = report()
    for form in (Format.TABLE, Format.MARKDOWN, Format.JSON, Format.CSV, Format.HTML):
        text = " ".join(render_compliance(found, form, width=160).split())
        for control in found.controls:
            assert control.status in text
            assert control.id in text
            assert control.title in text


def test_markdown_has_a_row_for_each_control_and_nothing_active() -> None:
    found = report()
    text = render_compliance(found, Format.MARKDOWN)

    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == len(found.controls) + 2
    assert {len(re.split(r"(?<!\\)\|", row)) for row in rows} == {6}
    assert "<script" not in text
    assert "<b>" not in text
    assert "\x1b" not in text


def test_csv_has_a_row_for_each_control_and_no_cell_is_a_formula() -> None:
    found = report("cis-aws")
    rows = list(csv.DictReader(io.StringIO(render_compliance(found, Format.CSV), newline=""), strict=True))

    assert [(row["id"], row["status"]) for row in rows] == [(each.id, each.status) for each in found.controls]
    assert [row["failed_key_ids"].split() for row in rows] == [
        list(dict.fromkeys(key.key_id for key in each.keys)) for each in found.controls
    ]
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


def test_the_page_is_sound_lets_no_name_become_markup_and_runs_no_script() -> None:
    root = parsed(render_compliance(report(), Format.HTML))

    assert list(root.iter("script")) == []
    assert not [each for each in root.iter("b") if each.text and "alert" in each.text]
    (policy,) = (each.get("content") for each in root.iter("meta") if each.get("http-equiv"))
    assert "script-src 'none'" in (policy or "")
    (table,) = root.iter("table")
    body = table.find("tbody")
    assert body is not None
    assert len(list(body)) == len(report().controls)


def test_json_is_the_report_as_it_is() -> None:
    found = report("cis-aws")

    assert json.loads(render_compliance(found, Format.JSON)) == msgspec.to_builtins(found)


def test_the_tally_counts_the_controls() -> None:
    found = comply(load_pack("soc2"), Policy(), audit(SCOPE, [minted()], assess=True))

    assert tally(found) == f"SOC 2: {len(found.controls)} controls, {len(found.controls)} passed."
