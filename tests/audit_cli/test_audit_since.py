"""`audit --since`: nothing is told as new because an earlier audit did not look for it."""

import json
from typing import Any

import pytest

from tests.door import Door

JSON = ("--fail-on", "none", "--format", "json")


def since(door: Door, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = door.well("audit", *arguments, *JSON).json["since"]
    return found


def recorded(door: Door, *arguments: str) -> None:
    door.well("audit", "--record", "--fail-on", "none", *arguments)


@pytest.fixture
def named(keyledger: Door) -> Door:
    """A key whose name says nothing."""
    keyledger.create("tmp")
    return keyledger


@pytest.mark.parametrize(
    ("then", "now", "what"),
    [
        (("--rule", "aged-key"), (), "rules"),
        ((), ("--max-age", "0s"), "policy"),
        (("--rule", "aged-key"), ("--max-age", "0s"), "policy and rules"),
        ((), ("--all",), "kinds of keys"),
    ],
    ids=["rules", "policy", "both", "kinds"],
)
def test_what_an_earlier_audit_did_not_look_for_is_judged_again_and_not_new(
    named: Door, then: tuple[str, ...], now: tuple[str, ...], what: str
) -> None:
    recorded(named, *then)
    named.create("abc")

    report = named.well("audit", "--since", "last", *now, *JSON).json

    names = {finding["id"]: finding["key_name"] for finding in report["findings"]}
    assert {names[each] for each in report["since"]["new"]} == {"abc"}
    assert {names[each] for each in report["since"]["persisting"]} == {"tmp"}
    assert report["since"]["resolved"] == []
    assert report["since"]["since"].endswith(f", judged again by this audit's {what}")


def test_what_an_audit_of_the_same_terms_recorded_is_taken_as_it_was(named: Door) -> None:
    recorded(named, "--max-age", "3d", "--rule", "undescriptive-name", "--rule", "aged-key")

    found = since(
        named, "--since", "last", "--rule", "aged-key", "--rule", "undescriptive-name", "--max-age", "3d"
    )

    assert len(found["persisting"]) == 1
    assert "judged again" not in found["since"]


def test_another_version_of_the_rules_makes_nothing_new(named: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(named)
    monkeypatch.setattr("projections.audit.report.RULES_VERSION", "999")

    found = since(named, "--since", "last")

    assert (found["new"], len(found["persisting"])) == ([], 1)
    assert found["since"].endswith("judged again by this audit's version of the rules")


def listed(door: Door, key_id: str) -> None:
    """Import that AWS has an access key, made in 2020."""
    folder = door.folder / "keys"
    folder.mkdir()
    key = {"UserName": "kaleb", "AccessKeyId": key_id, "Status": "Active"}
    metadata = {"AccessKeyMetadata": [key | {"CreateDate": "2020-01-01T00:00:00Z"}]}
    (folder / "kaleb.json").write_text(json.dumps(metadata))
    door.well("import", "iam-access-keys", str(folder))


def test_a_temporary_credential_is_not_new_because_the_earlier_audit_left_it_out(keyledger: Door) -> None:
    listed(keyledger, "ASIAIOSFODNN7EXAMPLE")
    use = {"key": "ASIAIOSFODNN7EXAMPLE", "service": "s3", "occurred_at": "2019-01-01T00:00:00Z"}
    keyledger.well("use", "append", "-", stdin=json.dumps(use))
    recorded(keyledger)

    for earlier in ("last", "2024-01-01"):
        found = since(keyledger, "--since", earlier, "--all", "--rule", "used-before-creation")
        assert (found["new"], len(found["persisting"])) == ([], 1)
    # and it is not resolved because this audit leaves it out
    recorded(keyledger, "--all")
    assert since(keyledger, "--since", "last")["resolved"] == []


def test_what_was_learned_later_is_not_told_as_resolved_of_a_position(named: Door) -> None:
    position = named.well("audit", *JSON).json["position"]
    listed(named, "AKIAIOSFODNN7EXAMPLE")

    found = since(named, "--since", "2024-01-01", "--at-position", str(position))

    assert (len(found["new"]), found["resolved"]) == (1, [])


@pytest.mark.parametrize(
    "arguments", [("--as-of", "2024-01-01", "--since", "last"), ("--since", "2999-01-01")], ids=["run", "day"]
)
def test_nothing_is_compared_with_what_comes_later(named: Door, arguments: tuple[str, ...]) -> None:
    recorded(named)

    answer = named("audit", *arguments, *JSON)

    assert (answer.status, answer.out) == (1, "")
    assert "which this audit is about" in answer.err
    assert answer.err.splitlines()[-1].startswith("keyledger: ")


def test_what_has_changed_is_said_beside_a_csv_whose_rows_are_findings_alone(named: Door) -> None:
    recorded(named)

    answer = named.well("audit", "--since", "last", "--fail-on", "none", "--format", "csv")

    assert "0 new, 1 persisting, 0 resolved." in answer.err
    assert len(answer.out.splitlines()) == 2
