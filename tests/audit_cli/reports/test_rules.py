import json
import re

import msgspec
import pytest

from audit_cli.reports.rules import explanation, rules_json, rules_table
from projections.audit.judging import Need
from projections.audit.rule import Rule
from projections.audit.rules import RULES, RULES_VERSION

COMMAND = re.compile(r"^    ", re.MULTILINE)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_rules_are_listed_within_the_width(width: int) -> None:
    text = rules_table(RULES, width)
    for rule in RULES:
        assert f"\n{rule.id} " in text
    assert max(map(len, text.splitlines())) <= width


def test_the_rules_as_json_leave_nothing_out() -> None:
    parsed = json.loads(rules_json(RULES, RULES_VERSION))
    assert parsed["schema"] == "keyledger.rules/1"
    assert parsed["rules_version"] == RULES_VERSION
    assert [rule["id"] for rule in parsed["rules"]] == [rule.id for rule in RULES]
    assert list(parsed["rules"][0]) == [
        *("id", "severity", "title", "meaning", "reason", "method", "resolution", "remedy", "controls"),
    ]
    assert parsed["rules"][0]["controls"][0] == {
        "framework": "CIS AWS Foundations 3.0.0",
        "id": "1.12",
        "title": "Credentials unused for 45 days or greater are disabled",
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_an_explanation_says_everything_in_80_columns_but_for_commands(rule: Rule) -> None:
    text = explanation(rule)
    flat = " ".join(text.split())
    for part in (rule.id, rule.severity, rule.meaning, rule.reason, rule.method, rule.resolution):
        assert part in flat
    assert f"It is asked of {rule.scope}." in flat
    assert (f"only where it is known {rule.need}." in flat) is (rule.need is not Need.NOTHING)
    for control in rule.controls:
        assert str(control) in flat
    assert "\n    keyledger " in text
    assert all(len(line) <= 80 for line in text.splitlines() if not COMMAND.match(line))


def test_severities_are_coloured_on_demand() -> None:
    assert "\x1b[33mmedium\x1b[0m" in explanation(RULES[0], color=True)
    assert "\x1b[33mmedium\x1b[0m" in rules_table(RULES, color=True)
    assert "\x1b" not in explanation(RULES[0]) + rules_table(RULES)


def test_an_explanation_says_of_a_rule_that_is_off_how_it_is_switched_on() -> None:
    shy = msgspec.structs.replace(RULES[0], default_on=False)

    assert "It is off unless a policy switches it on" in " ".join(explanation(shy).split())
    assert "It is off" not in explanation(RULES[0])
