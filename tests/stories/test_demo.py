import re

from projections.audit.rules import RULES
from tests.door import Answer, Door


def demo(door: Door, *options: str) -> Answer:
    return door.process("demo", *options, environment={"TMPDIR": str(door.folder)})


def test_the_demonstration_shows_every_rule_at_work_and_is_no_failure(empty: Door) -> None:
    answer = demo(empty, "--keys", "20", "--days", "365")

    assert answer.status == 0
    assert [rule.id for rule in RULES if rule.default_on and rule.id not in answer.out] == []
    assert max(map(len, answer.out.splitlines())) <= 80


def test_the_demonstration_is_the_same_every_time_and_another_with_another_seed(empty: Door) -> None:
    small = ("--keys", "12", "--days", "60")

    assert demo(empty, *small).out == demo(empty, *small).out
    assert demo(empty, *small, "--seed", "8").out != demo(empty, *small).out


def test_the_demonstration_can_be_had_as_a_page(empty: Door) -> None:
    answer = demo(empty, "--keys", "12", "--days", "60", "--format", "html", "-o", "demo.html")

    assert answer.status == 0
    assert "Wrote demo.html. 12 keys" in answer.err
    page = (empty.folder / "demo.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert 'id="heat-table"' in page


def test_one_can_look_around_in_the_demonstration(empty: Door) -> None:
    answer = demo(empty, "--keys", "12", "--days", "60")

    place = re.search(r"export KEYLEDGER_URL=(\S+)", answer.err)
    command = re.search(r"keyledger (audit --as-of \S+)", answer.err)
    assert place is not None
    assert command is not None
    again = empty("--ledger", place[1], *command[1].split())
    assert again.status == 3
    assert again.out == answer.out
