import json
import re

import msgspec
import pytest

from audit_cli.reports.compliance import render_compliance, tally
from audit_cli.reports.formats import Format
from projections.audit.compliance import ComplianceReport, comply
from projections.audit.override import Override
from projections.audit.policy import Policy
from projections.audit.report import audit
from projections.policies import load_pack
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
    for form in (Format.TABLE, Format.MARKDOWN, Format.JSON):
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


def test_json_is_the_report_as_it_is() -> None:
    found = report("cis-aws")

    assert json.loads(render_compliance(found, Format.JSON)) == msgspec.to_builtins(found)


def test_the_tally_counts_the_controls() -> None:
    found = comply(load_pack("soc2"), Policy(), audit(SCOPE, [minted()], assess=True))

    assert tally(found) == f"SOC 2: {len(found.controls)} controls, {len(found.controls)} passed."
