"""Rule files for other scanners: read by those that can be run here, and by parsers of their formats."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from random import Random

import pytest
import re2  # type: ignore[import-untyped]  # it has no types
import yaml

from audit_cli.scan_rules import rules_for
from ledger.errors import InvalidInput
from ledger.secret import new_secret
from tests.door import Door

SECRET = new_secret("kl", Random(1).randbytes).reveal()
ACME = new_secret("acme", Random(2).randbytes).reveal()
LOOKALIKE = SECRET[:-6] + "000000"


def matches(pattern: str, text: str) -> bool:
    """Whether RE2, whose syntax is Go's too, finds it."""
    return re2.search(pattern, text) is not None


def test_gitleaks_rules_are_toml_with_patterns_that_go_reads() -> None:
    rules = tomllib.loads(rules_for("gitleaks", ("kl", "acme")))

    assert rules["extend"] == {"useDefault": True}
    first, second = rules["rules"]
    assert [rule["id"] for rule in (first, second)] == ["keyledger-kl", "keyledger-acme"]
    assert matches(first["regex"], f'token = "{SECRET}"')
    assert not matches(first["regex"], ACME)
    assert matches(second["regex"], ACME)
    assert all(rule["keywords"][0] in secret for rule, secret in ((first, SECRET), (second, ACME)))


def test_trufflehog_rules_are_detectors_with_patterns_that_go_reads() -> None:
    (detector,) = yaml.safe_load(rules_for("trufflehog", ("kl",)))["detectors"]

    assert detector["name"] == "keyledger-kl"
    assert detector["keywords"] == ["kl_"]
    assert matches(detector["regex"]["secret"], SECRET)


@pytest.mark.slow
def test_detect_secrets_finds_secrets_and_passes_over_what_fails_the_checksum(tmp_path: Path) -> None:
    plugin = tmp_path / "keyledger.py"
    plugin.write_text(rules_for("detect-secrets", ("kl", "acme")))
    (tmp_path / "a.txt").write_text(f"x\n{SECRET}\n{LOOKALIKE}\n{ACME}\n")

    scan = ["-m", "detect_secrets", "scan", "--plugin", str(plugin), "--no-verify", "a.txt"]
    said = subprocess.run(
        [sys.executable, *scan], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout

    found = [each for each in json.loads(said)["results"]["a.txt"] if each["type"] == "keyledger secret"]
    assert sorted(each["line_number"] for each in found) == [2, 4]


@pytest.mark.parametrize("tool", ["gitleaks", "trufflehog", "detect-secrets"])
def test_a_prefix_that_is_none_gets_into_no_rule(tool: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be a secret's prefix"):
        rules_for(tool, ("kl''' evil",))  # type: ignore[arg-type]


def test_the_rules_are_for_the_organizations_prefix_or_the_usual_one(empty: Door) -> None:
    without = empty.well("scan", "--rules", "gitleaks")
    given = empty.well("scan", "--rules", "gitleaks", "--prefix", "acme")

    assert 'id = "keyledger-kl"' in without.out
    assert "No ledger says how secrets begin" in without.err
    assert 'id = "keyledger-acme"' in given.out
