"""What a webhook is told, by the limits of Slack's own library."""

import msgspec
import pytest
from slack_sdk.models.blocks import Block, ContextBlock, HeaderBlock, SectionBlock

from audit_cli.reports.message import message, slack_message
from projections.audit.report import AuditReport, audit
from tests.projections.audit.records import minted
from tests.projections.audit.samples import SCOPE, sample

MANY = audit(SCOPE, [minted(name=f"test-{n}" + "x" * 110, created_at=0) for n in range(150)])


@pytest.mark.parametrize("report", [sample(), MANY], ids=["few", "many"])
def test_slacks_own_library_finds_no_fault_with_the_blocks(report: AuditReport) -> None:
    told = slack_message(report, report.open_findings, "run 0a1b2c3d of 2026-01-01T00:00:00Z")

    blocks = Block.parse_all(told["blocks"])

    assert [type(block) for block in blocks][:2] == [HeaderBlock, SectionBlock]
    assert isinstance(blocks[-1], ContextBlock)
    assert len(blocks) <= 50
    # Each looks at its own limits when it is made into JSON.
    assert [block.to_dict() for block in blocks] == told["blocks"]
    assert len(told["text"]) <= 4_000


def test_slack_is_told_in_text_and_blocks_alone() -> None:
    report = sample()

    assert set(slack_message(report, report.open_findings, None)) == {"text", "blocks"}


def test_a_name_cannot_call_anybody_or_pass_for_a_link() -> None:
    report = audit(SCOPE, [minted(name="<!channel> <https://evil.example|x> & y", created_at=0)])

    told = slack_message(report, report.open_findings, None)

    assert "<" not in told["text"]
    assert "&lt;!channel&gt;" in told["text"]
    assert {block["text"]["type"] for block in told["blocks"][:-1]} == {"plain_text"}


def test_programs_are_told_each_finding_up_to_a_bound() -> None:
    told = msgspec.json.decode(msgspec.json.encode(message(MANY, MANY.open_findings, None)))

    assert told["type"] == "keyledger.findings"
    data = told["data"]
    assert (data["schema"], data["organization"]) == ("keyledger.notification/1", "acme")
    assert data["new_count"] == len(MANY.open_findings) > len(data["new"]) == 100
    assert data["report_sha256"] == MANY.sha256().hex()
    assert data["new"][0]["id"] == MANY.open_findings[0].id
