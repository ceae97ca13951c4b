from collections.abc import Sequence

import pytest

from projections.audit.findings import Finding, FindingStatus, FindingWaiver, findings_on
from projections.audit.policy import Policy
from projections.audit.rule import context_of
from projections.audit.rules import find_rule
from projections.key_record import KeyRecord
from projections.marks import Marks, Waiver
from tests.projections.audit.records import DAY, NOW, minted

WAIVER = Waiver("aged-key", "moves in May", "ops", NOW - DAY, NOW + DAY, 9)


def finding_of(waivers: Sequence[Waiver], as_of: int) -> Finding:
    record: KeyRecord = minted(created_at=NOW - 100 * DAY, marks=Marks(waivers=tuple(waivers)))
    (finding,) = findings_on(record, context_of(record, as_of, Policy()), [find_rule("aged-key")])
    return finding


def test_a_waiver_holds_up_to_its_end_exclusive() -> None:
    before, after = finding_of([WAIVER], NOW + DAY - 1), finding_of([WAIVER], NOW + DAY)

    assert before.status is FindingStatus.WAIVED
    assert before.waiver == FindingWaiver("2026-01-02T00:00:00Z", "moves in May", "ops", 9)
    assert (after.status, after.waiver) == (FindingStatus.OPEN, None)


def test_an_expired_waiver_is_reported_with_its_event() -> None:
    finding = finding_of([WAIVER], NOW + DAY)

    assert finding.message.endswith("; the waiver by ops ended 2026-01-02T00:00:00Z (moves in May)")
    assert finding.evidence == (1, 9)


@pytest.mark.parametrize("as_of", [NOW, NOW + 2 * DAY])
def test_a_waiver_is_of_its_own_rule_alone(as_of: int) -> None:
    other = Waiver("unused-key", "spare", "ops", NOW - DAY, NOW + DAY, 9)

    assert finding_of([other], as_of) == finding_of([], as_of)
    assert finding_of([other], as_of).status is FindingStatus.OPEN
