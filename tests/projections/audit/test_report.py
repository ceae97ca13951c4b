import random
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidInput
from projections.audit.findings import FindingStatus, finding_id, open_at_least
from projections.audit.report import audit, days
from projections.audit.rules import RULES
from projections.audit.severity import Severity
from tests.projections.audit.records import DAY, NOW, SECOND, aws, minted, unused_since
from tests.projections.audit.samples import RECORDS, SCOPE, sample

KEY_FIELDS = [
    *("id", "name", "kind", "source", "external_id", "masked", "owner", "state", "created_at", "created_by"),
    *(
        "first_used_at",
        "last_used_at",
        "use_count",
        "error_count",
        "services",
        "successor_id",
        "overlap_ends_at",
    ),
]


def test_the_report_has_the_fields_of_its_schema_in_their_order() -> None:
    report = msgspec.to_builtins(sample().document())
    assert list(report) == [
        *("schema", "organization", "as_of", "position", "checkpoint", "policy", "policy_sha256"),
        *("rules_version", "tool_version", "summary", "keys", "findings"),
    ]
    assert report["schema"] == "keyledger.audit/1"
    assert report["as_of"] == "2026-01-01T00:00:00Z"
    assert report["checkpoint"] is None
    assert list(report["summary"]) == ["keys", "findings", "waived", "by_rule", "by_severity"]
    assert list(report["keys"][0]) == [*KEY_FIELDS, "age_days", "idle_days", "usage"]
    assert list(report["findings"][0]) == [
        *("id", "rule", "severity", "status", "key_id", "key_name", "external_id", "message", "evidence"),
        *("remedy", "waiver"),
    ]


def test_a_key_row_says_what_is_known_and_null_for_the_rest() -> None:
    record = unused_since(NOW - 50 * DAY, id=bytes(15) + b"\x01", created_at=NOW - 60 * DAY + SECOND // 2)
    (row,) = msgspec.to_builtins(audit(SCOPE, [record]).keys)
    assert row == {
        "id": "00000000-0000-0000-0000-000000000001",
        "name": "github-actions-prod",
        "kind": "long-lived",
        "source": "keyledger",
        "external_id": None,
        "masked": "kl_1a2B...9zY8",
        "owner": "ada@example.com",
        "state": "active",
        "created_at": "2025-11-02T00:00:00.5Z",
        "created_by": "ada@example.com",
        "first_used_at": "2025-11-12T00:00:00Z",
        "last_used_at": "2025-11-12T00:00:00Z",
        "use_count": 1,
        "error_count": 0,
        "services": ["s3"],
        "successor_id": None,
        "overlap_ends_at": None,
        "age_days": 59.999994,
        "idle_days": 50,
        "usage": "unused",
    }


def test_a_rotated_key_shows_its_successor_and_is_expired_at_the_end_of_the_overlap() -> None:
    (row,) = audit(SCOPE, [minted(successor_id=bytes(16), overlap_ends_at=NOW)]).keys
    assert row.successor_id == "00000000-0000-0000-0000-000000000000"
    assert row.overlap_ends_at == "2026-01-01T00:00:00Z"
    assert row.state == "expired"


def test_unknown_creation_gives_no_age() -> None:
    (row,) = audit(SCOPE, [aws(created_at=None)]).keys
    assert row.age_days is None
    assert row.idle_days is None


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (timedelta(days=45), 45),
        (timedelta(days=45) - timedelta(microseconds=1), 44.999999),
        (timedelta(days=45, seconds=1), 45.000011),
        (timedelta(hours=36), 1.5),
        (timedelta(), 0),
        (timedelta(seconds=-3), 0),
    ],
)
def test_days_are_never_rounded_up_to_a_threshold(duration: timedelta, expected: float) -> None:
    assert days(duration) == expected
    assert isinstance(days(duration), type(expected))


def test_findings_come_worst_first_then_by_rule_name_and_id() -> None:
    findings = sample().findings
    order = [(-f.severity.rank, f.rule, f.key_name, f.key_id) for f in findings]
    assert order == sorted(order)
    assert findings[0].rule == "used-after-revocation"


def test_keys_come_by_name_then_id() -> None:
    twins = [minted(id=bytes([n]) * 16, name="twin-of-another") for n in (3, 1, 2)]
    rows = audit(SCOPE, [*twins, minted(name="earlier-name")]).keys
    assert [(row.name, row.id[:2]) for row in rows] == [
        ("earlier-name", rows[0].id[:2]),
        ("twin-of-another", "01"),
        ("twin-of-another", "02"),
        ("twin-of-another", "03"),
    ]


@given(st.randoms(use_true_random=False))
def test_the_same_keys_in_any_order_give_the_same_bytes(shuffler: random.Random) -> None:
    records = [
        msgspec.structs.replace(
            record,
            uses=tuple(shuffler.sample(record.uses, len(record.uses))),
            addresses=tuple(shuffler.sample(record.addresses, len(record.addresses))),
        )
        for record in shuffler.sample(RECORDS, len(RECORDS))
    ]
    assert msgspec.json.encode(audit(SCOPE, records).document()) == msgspec.json.encode(sample().document())


def test_temporary_credentials_are_left_out_unless_asked_for() -> None:
    assert "ASIAIOSFODNN7EXAMPLE" not in {key.external_id for key in sample().keys}
    everything = audit(SCOPE, RECORDS, include_temporary=True)
    assert "ASIAIOSFODNN7EXAMPLE" in {key.external_id for key in everything.keys}
    assert everything.findings == sample().findings


def test_the_summary_counts_every_rule_and_severity_zeros_included() -> None:
    report = sample()
    assert report.summary.keys == len(report.keys) == len(RECORDS) - 1
    assert report.summary.findings == len(report.findings)
    asked = [rule.id for rule in RULES if rule.default_on]
    assert list(report.summary.by_rule) == asked
    assert list(report.summary.by_severity) == ["critical", "high", "medium", "low", "info"]
    assert sum(report.summary.by_rule.values()) == len(report.findings)
    assert sum(report.summary.by_severity.values()) == len(report.findings)
    assert audit(SCOPE, []).summary.by_rule == dict.fromkeys(asked, 0)


def test_an_audit_without_rules_is_an_error_not_a_clean_audit() -> None:
    with pytest.raises(InvalidInput, match="no rule to audit by"):
        audit(SCOPE, RECORDS, rules=())


def test_a_finding_keeps_its_id_from_run_to_run() -> None:
    later = msgspec.structs.replace(SCOPE, as_of=NOW + DAY, position=9999)
    before, after = ({f.id for f in audit(scope, RECORDS).findings} for scope in (SCOPE, later))
    assert before <= after
    assert finding_id("aged-key", bytes(16)) == "705fda82c9bfb1e9"


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (Severity.INFO, {"critical", "high", "medium", "low", "info"}),
        (Severity.MEDIUM, {"critical", "high", "medium"}),
        (Severity.CRITICAL, {"critical"}),
    ],
)
def test_fail_on_takes_open_findings_at_or_above_the_threshold(
    threshold: Severity, expected: set[str]
) -> None:
    findings = sample().findings
    assert {finding.severity.value for finding in open_at_least(findings, threshold)} == expected
    waived = [msgspec.structs.replace(finding, status=FindingStatus.WAIVED) for finding in findings]
    assert open_at_least(waived, threshold) == []


def test_severities_rise_from_info_to_critical() -> None:
    assert sorted(Severity, key=lambda severity: severity.rank) == list(Severity)
    assert Severity.LOW.is_at_least(Severity.LOW)
    assert not Severity.INFO.is_at_least(Severity.LOW)
