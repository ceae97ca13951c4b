import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidInput
from projections.audit.override import Override, Threshold
from projections.audit.policy import THRESHOLDS, Policy
from projections.audit.policy_document import policy_of
from projections.audit.policy_text import parse_policy, policy_toml
from projections.audit.rule_setting import RuleSetting
from projections.audit.rules import RULES
from projections.audit.severity import Severity

RULE_IDS = [rule.id for rule in RULES]


def faults(text: str) -> list[tuple[int, str]]:
    return parse_policy(text, RULE_IDS)[1]


def test_a_policy_says_thresholds_rules_and_overrides() -> None:
    policy, found = parse_policy(
        """
        unused_for = "30d"
        shared_callers = 3
        assume_coverage = false
        rules.shared-key.enabled = false
        [rules.aged-key]
        severity = "high"
        [[override]]
        name = "ci-*"
        source = "aws"
        max_age = "120d"
        [override.rules.unused-key]
        severity = "low"
        """,
        RULE_IDS,
    )

    assert found == []
    assert policy == Policy(
        unused_for=timedelta(days=30),
        shared_callers=3,
        assume_coverage=False,
        rules={"shared-key": RuleSetting(enabled=False), "aged-key": RuleSetting(severity=Severity.HIGH)},
        overrides=(
            Override(
                name="ci-*",
                source="aws",
                thresholds={"max_age": timedelta(days=120)},
                rules={"unused-key": RuleSetting(severity=Severity.LOW)},
            ),
        ),
    )


def test_an_empty_text_is_the_built_in_policy() -> None:
    assert parse_policy("", RULE_IDS) == (Policy(), [])


FAULTS = [
    ('unsued_for = "1d"', 1, "unknown threshold 'unsued_for'; did you mean 'unused_for'?"),
    ("colour = 1", 1, "unknown threshold 'colour'; `keyledger policy show` lists them"),
    ("\nmax_age = 90", 2, 'max_age must be a duration in quotation marks, such as "45d"'),
    ('max_age = "90 days"', 1, "max_age: '90 days' is not a duration; write it like 45d, 12h or 90m"),
    ('shared_callers = "2"', 1, "shared_callers must be a whole number"),
    ("shared_callers = true", 1, "shared_callers must be a whole number"),
    ("shared_callers = 1", 1, "the policy's shared_callers is 1; the least that makes sense is 2"),
    ("assume_coverage = 1", 1, "assume_coverage must be true or false"),
    ("rules = 1", 1, "rules are tables: write [rules.aged-key]"),
    ("[rules.ages-key]\nenabled = true", 1, "unknown rule 'ages-key'; did you mean 'aged-key'?"),
    ("[rules.aged-key]", 1, "say `enabled` or `severity` under [rules.aged-key]"),
    ("[rules.aged-key]\nenabled = 0", 2, "enabled must be true or false"),
    ('[rules.aged-key]\nseverity = "bad"', 2, 'severity must be one of "critical", "high"'),
    ("[rules.aged-key]\nseverity = []", 2, "severity must be one of"),
    ("[rules.aged-key]\nenable = true", 2, "unknown setting of a rule 'enable'; did you mean 'enabled'?"),
    ("override = 1", 1, "an override is a table: write [[override]]"),
    ('[override]\nname = "x"', 1, "an override is a table: write [[override]]"),
    ('[[override]]\nmax_age = "1d"', 1, "the override does not say for which keys"),
    ('[[override]]\nname = "x"', 1, "the override changes nothing"),
    ('[[override]]\nname = 1\nmax_age = "1d"', 2, "name must be a pattern in quotation marks"),
    ('[[override]]\nname = ""\nmax_age = "1d"', 2, "name must be a pattern in quotation marks"),
    ('[[override]]\nname = "a"\nmax_age = "1d"\n[[override]]\nnam = "b"', 5, "unknown threshold 'nam'"),
    ('[[override]]\nname = "a"\n[override.rules.aged]\nenabled = true', 3, "unknown rule 'aged'"),
    ("max_age = \n", 1, "not TOML: Invalid value"),
    ("a = 1\na = 2", 2, "not TOML: Cannot overwrite a value"),
    ("a = 1\n\nb = '''", 3, "not TOML: "),
    ("a = " + "[" * 5000, 1, "nested too deeply"),
    (f"shared_callers = {'1' * 5000}", 1, "a value is too long to be read"),
]


@pytest.mark.parametrize(("text", "line", "message"), FAULTS, ids=[text[:60] for text, _, _ in FAULTS])
def test_a_fault_is_told_with_its_line(text: str, line: int, message: str) -> None:
    found = faults(text)

    assert any(at == line and message in said for at, said in found), found
    assert all("\n" not in said for _, said in found)


def test_all_faults_are_told_in_the_order_of_their_lines() -> None:
    text = (
        '[[override]]\nname = "x"\nmax_age = 1\n[rules.nope]\nenabled = true\n[rules.aged-key]\nenabled = 2\n'
    )

    assert [line for line, _ in faults(text)] == [3, 4, 7]


def test_a_canonical_form_that_cannot_be_is_refused() -> None:
    with pytest.raises(InvalidInput, match="unknown threshold 'max_edge'"):
        policy_of({"max_edge": "1d"}, RULE_IDS)


durations = st.integers(86_400, 10**9).map(lambda seconds: timedelta(seconds=seconds))
settings = st.dictionaries(
    st.sampled_from(RULE_IDS),
    st.builds(RuleSetting, st.none() | st.booleans(), st.none() | st.sampled_from(Severity)).filter(
        lambda setting: setting != RuleSetting()
    ),
)


def value_of(name: str) -> st.SearchStrategy[Threshold]:
    default = getattr(Policy(), name)
    if isinstance(default, bool):
        return st.booleans()
    return durations if isinstance(default, timedelta) else st.integers(2, 10**6)


some_thresholds = st.fixed_dictionaries({}, optional={name: value_of(name) for name in THRESHOLDS})
patterns = st.text(st.characters(codec="utf-8"), min_size=1)
overrides = st.builds(
    Override,
    name=patterns,
    owner=st.none() | patterns,
    source=st.none() | patterns,
    thresholds=some_thresholds.filter(bool),
    rules=settings,
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    changes: dict[str, Any] = draw(some_thresholds)
    return Policy(**changes, rules=draw(settings), overrides=tuple(draw(st.lists(overrides, max_size=3))))


@given(policies())
def test_a_policy_is_read_back_from_its_toml_and_from_its_canonical_form(policy: Policy) -> None:
    assert parse_policy(policy_toml(policy.canonical()), RULE_IDS) == (policy, [])
    assert policy_of(json.loads(json.dumps(policy.canonical())), RULE_IDS) == policy


fragments = st.sampled_from(
    (
        "max_age",
        "rules",
        "override",
        ".",
        "aged-key",
        "[",
        "]",
        "[[",
        "]]",
        "=",
        '"1d"',
        "3",
        "true",
        "{",
        "}",
        "\n",
        ",",
    )
)


@given(st.lists(fragments, max_size=30).map("".join) | st.text())
def test_no_text_is_too_strange_to_be_answered(text: str) -> None:
    last = text.count("\n") + 1

    assert all(1 <= line <= last and "\n" not in message for line, message in faults(text))


def test_what_would_steer_a_terminal_is_spelt_out() -> None:
    policy = Policy(overrides=(Override(name="\x1b[31m\x7f\x9b\u202e", thresholds={"shared_callers": 3}),))

    text = policy_toml(policy.canonical())

    assert text.replace("\n", "").isprintable()
    assert parse_policy(text, RULE_IDS) == (policy, [])


@given(policies(), policies())
def test_policies_have_the_same_hash_only_if_they_say_the_same(one: Policy, other: Policy) -> None:
    assert (one.sha256() == other.sha256()) is (one == other)
