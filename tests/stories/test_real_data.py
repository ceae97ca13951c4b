"""Real logs and reports by others, with figures that were computed apart from this code."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from ledger.importers.cloudtrail import read_cloudtrail
from ledger.importers.iam_access_keys import read_access_keys
from ledger.importers.iam_credential_report import read_credential_report
from ledger.moments import format_moment, parse_moment
from projections.audit.report import AuditReport, AuditScope, audit
from projections.audit.usage_state import UsageState
from projections.key_record import KeyRecord
from projections.view import open_view
from tests.office import Office, shown
from tests.place import Place

NOW = parse_moment("2026-01-01T00:00:00Z")
REPORTED_AT = parse_moment("2016-11-25T14:30:42Z")


def written(moment: int | None) -> str | None:
    return None if moment is None else format_moment(moment)


def figures(record: KeyRecord) -> dict[str, Any]:
    return {
        "use_count": record.use_count,
        "error_count": record.error_count,
        "first_used": written(record.first_used_at),
        "last_used": written(record.last_used_at),
        "services": record.services,
        "n_ips": len(record.addresses),
        "created": written(record.created_at),
        "deleted": written(record.revoked_at),
        "kind": "temporary" if record.kind == "temporary" else "long_term",
    }


def cloudtrail_files(real_data: Path) -> list[Path]:
    files = sorted((real_data / "cloudtrail-invictus").glob("*.json"))
    assert len(files) == 55
    return files


def test_the_real_logs_give_the_figures_computed_independently(office: Office, real_data: Path) -> None:
    expected = json.loads((real_data / "cloudtrail-invictus.expected.json").read_text())["keys"]

    intake = office.record(read_cloudtrail(cloudtrail_files(real_data)))

    found = {record.external_id: figures(record) for record in office.records().values()}
    assert found == {
        key: {name: told[name] for name in figures(next(iter(office.records().values())))}
        for key, told in expected.items()
    }
    assert intake.refused == 0
    assert intake.stored == sum(told["use_count"] for told in expected.values()) == 2815


def test_importing_the_real_logs_again_stores_nothing(office: Office, real_data: Path) -> None:
    first = office.record(read_cloudtrail(cloudtrail_files(real_data)))
    position = office.ledger.recorder.max_notification_id()

    again = office.record(read_cloudtrail(cloudtrail_files(real_data)))

    assert (again.stored, again.duplicates, again.keys_registered) == (0, first.stored, 0)
    assert office.ledger.recorder.max_notification_id() == position


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_the_files_does_not_matter(
    office: Office, place: Place, real_data: Path, seed: int
) -> None:
    files = cloudtrail_files(real_data)
    office.record(read_cloudtrail(files))
    items = list(read_cloudtrail(files))
    random.Random(seed).shuffle(items)
    in_order = sorted((shown(record) for record in office.records().values()), key=repr)

    with place.ledger() as address:
        other = Office(address)
        other.record(items)

        assert sorted((shown(record) for record in other.records().values()), key=repr) == in_order
        other.close()


@pytest.mark.sqlite_only(reason="reads the bytes of the file")
def test_no_session_token_is_stored(office: Office, real_data: Path) -> None:
    office.record(read_cloudtrail(cloudtrail_files(real_data)))
    office.close()

    assert b"sessionToken" not in Path(office.address).read_bytes()
    assert b"REMOVED" not in Path(office.address).read_bytes()


def audit_of(office: Office, as_of: int) -> AuditReport:
    with open_view(office.database, office.id, as_of) as view:
        scope = AuditScope("acme", as_of, view.position, "test")
        return audit(scope, view.records())


def test_a_real_credential_report_is_audited_to_its_known_counts(office: Office, real_data: Path) -> None:
    report = real_data / "iam-credential-reports" / "unused_keys.csv"

    intake = office.record(read_credential_report(report, REPORTED_AT, NOW))

    audited = audit_of(office, REPORTED_AT)
    active = [key for key in audited.keys if key.state == "active"]
    by_usage = {state: sum(key.usage is state for key in active) for state in UsageState}
    assert (intake.keys_registered, intake.refused, len(active)) == (9, 0, 8)
    assert by_usage == {
        UsageState.USED: 3,
        UsageState.UNUSED: 1,
        UsageState.NEVER_USED: 2,
        UsageState.NO_DATA: 2,
    }
    assert sum(key.age_days is not None and key.age_days >= 90 for key in active) == 6
    assert (
        audited.summary.by_rule
        | {
            "unused-key": 1,
            "never-used-key": 2,
            "no-usage-data": 2,
            "aged-key": 6,
        }
        == audited.summary.by_rule
    )
    assert all(key.use_count in (0, None) for key in audited.keys)


def test_listed_access_keys_are_joined_to_the_slots_of_a_report(
    office: Office, place: Place, real_data: Path
) -> None:
    report = real_data / "iam-credential-reports" / "noop.csv"
    answers = [
        real_data
        / "iam-access-keys"
        / "test_iam_user_credential_multi_delete_noop__iam.ListAccessKeys_1.json"
    ]

    office.record(read_credential_report(report, None, NOW))
    office.record(read_access_keys(answers, NOW))
    names = {record.external_id for record in office.records().values()}

    assert "AKIAY5Y4D45RM747RB4P" in names
    assert "arn:aws:iam::644160558196:user/test1/1" not in names
    with place.ledger() as address:
        backwards = Office(address)
        backwards.record(read_access_keys(answers, NOW))
        backwards.record(read_credential_report(report, None, NOW))

        assert {record.external_id for record in backwards.records().values()} == names
        backwards.close()
