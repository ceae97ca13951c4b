"""A plan as the TOML text that people review and edit, written and read with the line of each fault."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from ledger.errors import InvalidInput, KeyledgerError
from ledger.ids import parse_id
from ledger.moments import format_duration, parse_moment
from projections.audit.policy import Policy
from projections.audit.policy_document import Problem, policy_of
from projections.audit.policy_text import located, parse_toml, toml_value
from projections.audit.rules import RULES, find_rule
from projections.audit.toml_lines import TomlPath
from projections.remediation.plan import IMPACT_WITHIN, SCHEMA, Plan, PlannedKey

_HEADING = """\
# A remediation plan of keyledger: which keys are to end, why, and who would notice. Nothing is done yet.
#
# Review it. Take out a [[key]] to leave it alone; change its steps to take another course. Then
#   keyledger remediate apply FILE
# takes the steps that are due, now and whenever it is run again. What has changed since is refused.
"""
_NOBODY = f"  # nobody within {format_duration(IMPACT_WITHIN)}"
_PLACE = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.([A-Za-z_]+)|\[(\d+)\]")


def plan_toml(plan: Plan) -> str:
    """The file that says a plan."""
    document = msgspec.to_builtins(plan)
    tables = [(name, table) for name in ("key", "by_hand") for table in document.pop(name, ())]
    lines = [_HEADING, *(f"{name} = {_plain(value)}" for name, value in document.items())]
    for name, table in tables:
        lines += ["", f"[[{name}]]", *_lines(table)]
    return "\n".join(lines) + "\n"


def parse_plan(text: str) -> tuple[Plan | None, list[tuple[int, str]]]:
    """The plan of a text; None where it has faults, which are told by line."""
    document, faults = parse_toml(text)
    if faults:
        return None, faults
    if document.get("schema") != SCHEMA:
        return None, [
            (1, f"this is no plan of `keyledger remediate plan`: it does not say schema = {SCHEMA!r}")
        ]
    try:
        plan = msgspec.convert(document, Plan)
    except msgspec.ValidationError as error:
        return None, located(text, [_problem(str(error))])
    problems = list(_problems(plan))
    # Lines are looked for only where somebody needs them: that takes far longer than to read the text.
    return (None, located(text, problems)) if problems else (plan, [])


def policy_of_plan(plan: Plan) -> Policy:
    """The policy by which a plan was made; InvalidInput where it is none."""
    try:
        document = msgspec.json.decode(plan.policy, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise InvalidInput("the policy is not as the plan had it; make a new plan") from None
    return policy_of(document, [rule.id for rule in RULES])


def _plain(value: str | int) -> str:
    """A value at the top; JSON is easier to read where its quotation marks need no escapes."""
    literal = isinstance(value, str) and '"' in value and "'" not in value and value.isprintable()
    return f"'{value}'" if literal else toml_value(value)


def _lines(table: dict[str, Any]) -> Iterator[str]:
    for name, value in table.items():
        if name == "steps":
            yield f"{name} = [{', '.join(map(toml_value, value))}]"
        elif isinstance(value, list | tuple):
            yield f"{name} = [" if value else f"{name} = []{_NOBODY if name == 'callers' else ''}"
            # TOML has an inline table on one line.
            yield from (f"    {_inline(each)}," for each in value)
            if value:
                yield "]"
        else:
            yield f"{name} = {toml_value(value)}"


def _inline(table: dict[str, Any]) -> str:
    return f"{{ {', '.join(f'{name} = {_inner(value)}' for name, value in table.items())} }}"


def _inner(value: str | int | Sequence[str]) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    return toml_value(value)  # type: ignore[arg-type]


def _problem(message: str) -> Problem:
    """A complaint of msgspec, in the words of whoever wrote the file."""
    found = _PLACE.fullmatch(message)
    what, path = (found["what"], found["path"] or "") if found else (message, "")
    places: TomlPath = tuple(int(number) if number else name for name, number in _STEP.findall(path))
    return Problem(places, what.removeprefix("Object ").replace("`", "'").lower())


def _problems(plan: Plan) -> Iterator[Problem]:
    """What is wrong with the values, which have the right types."""
    yield from _refused(("id",), parse_id, plan.id)
    yield from _refused(("made_at",), parse_moment, plan.made_at)
    yield from _refused(("policy",), policy_of_plan, plan)
    seen: set[str] = set()
    for number, key in enumerate(plan.key):
        yield from _problems_of(key, ("key", number))
        if key.id in seen:
            yield Problem(("key", number, "id"), f"the key {key.id} stands here twice")
        seen.add(key.id)
    for number, each in enumerate(plan.by_hand):
        yield from _refused(("by_hand", number, "id"), parse_id, each.id)


def _problems_of(key: PlannedKey, path: TomlPath) -> Iterator[Problem]:
    yield from _refused((*path, "id"), parse_id, key.id)
    faults = list(_refused((*path, "steps"), lambda planned: planned.stages, key))
    yield from faults
    if not faults:
        ranks = [stage.rank for stage in key.stages]
        if not ranks:
            yield Problem((*path, "steps"), "there is no step; take the key out to leave it alone")
        elif ranks != sorted(set(ranks)):
            yield Problem((*path, "steps"), "steps go from warn to disable to revoke, each once at most")
    if not key.findings:
        yield Problem((*path, "findings"), "there is no finding, so there is no reason to end the key")
    for finding in key.findings:
        yield from _refused((*path, "findings"), find_rule, finding.rule)
    for caller in key.callers:
        yield from _refused((*path, "callers"), parse_moment, caller.last_at)


def _refused(path: TomlPath, read: Callable[[Any], object], value: object) -> Iterator[Problem]:
    try:
        read(value)
    except KeyledgerError as error:
        yield Problem(path, str(error))
