import tomllib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.audit.policy import Policy
from projections.callers import Caller
from projections.remediation.plan import Plan
from projections.remediation.plan_text import parse_plan, plan_toml, policy_of_plan
from tests.projections.audit.records import DAY, NOW, aws, minted, unused_since
from tests.projections.remediation.planned import plan_for

UNUSED = unused_since(NOW - 50 * DAY)
PLAN = plan_for(
    UNUSED,
    aws(created_at=NOW - 60 * DAY, last_used_at=NOW - 50 * DAY),
    minted(name="x"),
    callers={
        UNUSED.id: [
            Caller("pay", "web", 5, NOW - DAY, ("192.0.2.1", "2001:db8::7")),
            Caller("a", None, 1, NOW),
        ]
    },
)
TEXT = plan_toml(PLAN)


def faults(text: str) -> list[tuple[int, str]]:
    plan, found = parse_plan(text)
    assert (plan is None) == bool(found)
    return found


def line_of(beginning: str) -> int:
    return next(number for number, line in enumerate(TEXT.splitlines(), 1) if line.startswith(beginning))


def test_a_written_plan_is_read_as_it_was() -> None:
    assert parse_plan(TEXT) == (PLAN, [])
    assert policy_of_plan(PLAN) == Policy()


def test_every_finding_and_every_caller_has_a_line_of_its_own_for_reviews() -> None:
    lines = TEXT.splitlines()

    assert sum('rule = "' in line for line in lines) == 3
    assert sum('service = "' in line for line in lines) == 2
    assert sum("# nobody within 30d" in line for line in lines) == 2


names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@given(
    name=names,
    caller=names | st.none(),
    reason=st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)
def test_whatever_a_key_is_called_the_text_says_it(name: str, caller: str | None, reason: str) -> None:
    key = msgspec.structs.replace(
        PLAN.key[0],
        name=name,
        owner=name,
        callers=(msgspec.structs.replace(PLAN.key[0].callers[0], caller=caller, service=name),),
        findings=(msgspec.structs.replace(PLAN.key[0].findings[0], message=reason),),
    )
    plan = msgspec.structs.replace(PLAN, key=(key,))

    text = plan_toml(plan)

    assert parse_plan(text) == (plan, [])
    assert all(line.isprintable() for line in text.splitlines())


def test_comments_blanks_and_a_key_taken_out_leave_a_plan() -> None:
    without = TEXT[: TEXT.index("[[by_hand]]")] + "# nothing by hand\n\n\n"

    plan, found = parse_plan(without)

    assert found == []
    assert plan == msgspec.structs.replace(PLAN, by_hand=())


def replaced(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new, 1)


STEPS = 'steps = ["warn", "disable after 14d", "revoke after 30d"]'


@pytest.mark.parametrize(
    ("text", "beginning", "complaint"),
    [
        ("", None, "no plan of `keyledger remediate plan`"),
        ("= 1", None, "not TOML"),
        (replaced("keyledger.plan/1", "keyledger.plan/2"), None, "no plan of"),
        (replaced("version = 1", 'version = "1"'), "version", "expected 'int', got 'str'"),
        (replaced("version = 1", "version = 1\nforce = true"), "[[key]]", "unknown field 'force'"),
        (replaced("version = 1\n", ""), "[[key]]", "missing required field 'version'"),
        (replaced('made_at = "2026-01-01T00:00:00Z"', 'made_at = "soon"'), "made_at", "is not a time"),
        (replaced("policy = '{", "policy = '"), "policy", "not as the plan had it"),
        (replaced('"90d"', '"ninety"'), "policy", "is not a duration"),
        (replaced(f'id = "{PLAN.id}"', 'id = "7"'), "id", "is not an id"),
        (replaced(STEPS, "steps = []"), "steps", "there is no step"),
        (replaced(STEPS, 'steps = ["warn", "erase"]'), "steps", "'erase' is no step"),
        (replaced(STEPS, 'steps = ["warn", "disable after now"]'), "steps", "is not a duration"),
        (replaced(STEPS, 'steps = ["revoke", "warn"]'), "steps", "steps go from warn"),
        (replaced(STEPS, 'steps = ["warn", "warn"]'), "steps", "steps go from warn"),
        (replaced(STEPS, "steps = [1]"), "steps", "expected 'str'"),
        (replaced('rule = "unused-key"', 'rule = "unusd-key"'), "findings", "did you mean 'unused-key'"),
        (replaced('last_at = "2026-01-01T00:00:00Z"', 'last_at = "?"'), "callers", "is not a time"),
        (replaced("uses = 1", "uses = 1.5"), "callers", "expected 'int'"),
        (replaced(f'id = "{PLAN.by_hand[0].id}"', 'id = "?"'), None, "is not an id"),
    ],
)
def test_what_is_wrong_with_an_edited_plan_is_told_by_its_line(
    text: str, beginning: str | None, complaint: str
) -> None:
    ((line, message),) = faults(text)

    assert complaint in message
    if beginning is not None:
        assert line == line_of(beginning)


def test_no_key_stands_twice_in_a_plan() -> None:
    key = TEXT[TEXT.index("\n[[key]]") : TEXT.index("[[by_hand]]")]

    ((_line, message),) = faults(TEXT.replace(key, key + key))

    assert "twice" in message


def test_a_key_is_not_ended_without_a_finding() -> None:
    bare = msgspec.structs.replace(PLAN.key[0], findings=())

    ((_line, message),) = faults(plan_toml(msgspec.structs.replace(PLAN, key=(bare,))))

    assert "no reason" in message


@given(st.text(max_size=80))
def test_any_text_is_a_plan_or_has_faults(text: str) -> None:
    plan, found = parse_plan('schema = "keyledger.plan/1"\n' + text)

    assert isinstance(plan, Plan) or found


def test_the_text_is_plain_toml() -> None:
    document = tomllib.loads(TEXT)

    assert [key["name"] for key in document["key"]] == [UNUSED.name]
