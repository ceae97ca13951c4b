"""Packs: a policy for a published standard, and what its controls demand of any other policy."""

import re
from typing import Any

import msgspec

from ledger.errors import InvalidInput
from projections.audit.controls import Control
from projections.audit.measure import Measures
from projections.audit.override import Threshold
from projections.audit.policy import Policy
from projections.audit.policy_document import policy_of
from projections.audit.policy_text import parse_toml
from projections.audit.rule import Rule

_OWN = ("title", "framework", "source", "control")
_DIGITS = re.compile(r"(\d+)")


class Demand(msgspec.Struct, frozen=True):
    """What a control demands of a policy, and what keeps it from being passed by rules alone.

    Where it allows a user so many active keys, they are counted: no rule can, since each is of one key.
    """

    at_most: dict[str, Threshold] = {}
    at_least: dict[str, Threshold] = {}
    partial: str | None = None
    most_active_keys: int | None = None


class PackControl(msgspec.Struct, frozen=True):
    """A control with the ids of the rules that answer it."""

    control: Control
    rules: tuple[str, ...]
    demand: Demand


class Pack(msgspec.Struct, frozen=True):
    """A standard: the policy that satisfies it, and its controls in the order of their numbers.

    It speaks of the keys of one source, or of all where `source` is None.
    """

    id: str
    title: str
    policy: Policy
    controls: tuple[PackControl, ...]
    source: str | None = None


def parse_pack(pack_id: str, text: str, rules: tuple[Rule, ...]) -> Pack:
    """The pack of a TOML text; its controls are those that a rule which it has switched on answers.

    Raises InvalidInput for demands of a control that no rule answers, and for a policy that cannot be.
    """
    document, faults = parse_toml(text)
    if faults:
        raise InvalidInput(f"the pack {pack_id} is {faults[0][1]}")
    own = {name: document.pop(name, None) for name in _OWN}
    rule_ids = [rule.id for rule in rules]
    policy = policy_of(document, rule_ids)
    demands = {table["id"]: _demand(table, rule_ids) for table in own["control"] or ()}
    controls = tuple(
        PackControl(control, answers, demands.pop(control.id, Demand()))
        for control, answers in _answered(own["framework"], Measures(policy, rules).rules)
    )
    if demands:
        raise InvalidInput(f"the pack {pack_id} demands {', '.join(demands)}, which no rule answers")
    return Pack(pack_id, own["title"], policy, controls, own["source"])


def _demand(table: dict[str, Any], rule_ids: list[str]) -> Demand:
    most, least = (_limits(table.get(bound, {}), rule_ids) for bound in ("at_most", "at_least"))
    return Demand(most, least, table.get("partial"), table.get("most_active_keys"))


def _limits(table: dict[str, Any], rule_ids: list[str]) -> dict[str, Threshold]:
    policy = policy_of(table, rule_ids)
    return {name: getattr(policy, name) for name in table}


def _answered(framework: str, rules: tuple[Rule, ...]) -> list[tuple[Control, tuple[str, ...]]]:
    """The controls of a framework with the rules that answer them; 1.9 comes before 1.12."""
    answers: dict[Control, tuple[str, ...]] = {}
    for rule in rules:
        for control in rule.controls:
            if control.framework == framework:
                answers[control] = (*answers.get(control, ()), rule.id)
    return sorted(answers.items(), key=lambda each: _natural(each[0].id))


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _DIGITS.split(text)]
