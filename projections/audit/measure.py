"""By what a key is measured: the policy and the rules that hold for it, once overrides are settled."""

from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from projections.audit.policy import Policy
from projections.audit.rule import Rule
from projections.audit.rule_setting import UNSET, RuleSetting, merged
from projections.key_record import KeyRecord

# The numbers of a policy's overrides, counted from 0.
Overrides: TypeAlias = tuple[int, ...]


class Measure(msgspec.Struct, frozen=True):
    """A policy without overrides, the rules that it has switched on with its severities, and the others."""

    policy: Policy
    rules: tuple[Rule, ...]
    off: tuple[Rule, ...]


class Measures:
    """The measures of one audit, each made once: keys by the thousand share a few.

    `chosen` rules are those that were asked for by name: whatever the policy says in general, they are on.
    An override still switches them for its keys. A rule that is named twice is asked once.
    """

    def __init__(self, policy: Policy, rules: tuple[Rule, ...], *, chosen: bool = False) -> None:
        if chosen:
            asked = {rule.id: RuleSetting(enabled=True) for rule in rules}
            policy = replace(policy, rules=merged(policy.rules, asked))
        self._candidates = tuple({rule.id: rule for rule in rules}.values())
        self._policy = policy
        self._tests = [override.matcher() for override in policy.overrides]
        self.general = self._measure(policy)
        self._known: dict[Overrides, Measure] = {(): self.general}

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that are on for all keys or for some, in their order."""
        enabled = {rule.id for rule in self.general.rules}
        for override in self._policy.overrides:
            enabled |= {rule_id for rule_id, setting in override.rules.items() if setting.enabled}
        return tuple(rule for rule in self._candidates if rule.id in enabled)

    def of(self, record: KeyRecord) -> Measure:
        """The measure of a key: the general one, changed by each override that is for it, later ones last."""
        return self.under(self.overrides(record)) if self._tests else self.general

    def overrides(self, record: KeyRecord) -> Overrides:
        """Which overrides are for a key."""
        return tuple(number for number, test in enumerate(self._tests) if test(record))

    def under(self, overrides: Overrides) -> Measure:
        """The measure that some overrides make together."""
        if overrides not in self._known:
            policy = self._policy
            for number in overrides:
                policy = policy.overridden(self._policy.overrides[number])
            self._known[overrides] = self._measure(policy)
        return self._known[overrides]

    def _measure(self, policy: Policy) -> Measure:
        settings = {rule.id: policy.rules.get(rule.id, UNSET) for rule in self._candidates}
        on: list[Rule] = []
        off: list[Rule] = []
        for rule in self._candidates:
            setting = settings[rule.id]
            enabled = rule.default_on if setting.enabled is None else setting.enabled
            severity = rule.severity if setting.severity is None else setting.severity
            (on if enabled else off).append(replace(rule, severity=severity))
        return Measure(policy, tuple(on), tuple(off))
