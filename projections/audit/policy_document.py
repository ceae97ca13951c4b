"""A policy as a document has it: TOML that people write, or the canonical form that reports keep."""

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

import msgspec

from ledger.errors import InvalidInput
from ledger.moments import parse_duration
from projections.audit.override import SELECTORS, Override, Threshold
from projections.audit.policy import THRESHOLDS, Policy
from projections.audit.rule_setting import RuleSetting
from projections.audit.severity import WORST_FIRST, Severity
from projections.audit.toml_lines import TomlPath

_DEFAULTS = Policy()
_SWITCHES = ("enabled", "severity")


class Problem(msgspec.Struct, frozen=True):
    """What is wrong at a place of a document."""

    path: TomlPath
    message: str


def policy_of(document: Mapping[str, Any], rule_ids: Collection[str]) -> Policy:
    """The policy of a document without fault, such as a canonical form; else InvalidInput."""
    policy, problems = read_policy(document, rule_ids)
    if problems:
        raise InvalidInput(problems[0].message)
    return policy


def read_policy(document: Mapping[str, Any], rule_ids: Collection[str]) -> tuple[Policy, list[Problem]]:
    """The policy, and all that is wrong with the document; then the policy is made of the rest of it."""
    reader = _Reader(rule_ids)
    thresholds, rules = reader.said(document, (), ("rules", "override"))
    tables = document.get("override", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        reader.complain(("override",), "an override is a table: write [[override]]")
        tables = []
    overrides = tuple(reader.override(table, ("override", number)) for number, table in enumerate(tables))
    changes: dict[str, Any] = {**thresholds, "rules": rules}
    return Policy(**changes, overrides=overrides), reader.problems


class _Reader:
    """Reads one document, and goes on past what is wrong, so that all of it can be told at once."""

    def __init__(self, rule_ids: Collection[str]) -> None:
        self.problems: list[Problem] = []
        self._rule_ids = rule_ids

    def complain(self, path: TomlPath, message: str) -> None:
        self.problems.append(Problem(path, message))

    def said(
        self, table: Mapping[str, Any], path: TomlPath, others: tuple[str, ...]
    ) -> tuple[dict[str, Threshold], dict[str, RuleSetting]]:
        """The thresholds and the settings of rules in a table that may have other keys as well."""
        thresholds: dict[str, Threshold] = {}
        for name, value in table.items():
            if name in THRESHOLDS:
                if (threshold := self._threshold(name, value, (*path, name))) is not None:
                    thresholds[name] = threshold
            elif name not in others:
                known = (*THRESHOLDS, *others)
                self.complain((*path, name), _unknown("threshold", name, known, "`keyledger policy show`"))
        return thresholds, self._rules(table.get("rules", {}), (*path, "rules"))

    def override(self, table: Mapping[str, Any], path: TomlPath) -> Override:
        """One of the overrides."""
        selected: dict[str, str] = {}
        for selector in SELECTORS:
            pattern = table.get(selector)
            if isinstance(pattern, str) and pattern:
                selected[selector] = pattern
            elif pattern is not None:
                self.complain((*path, selector), f"{selector} must be a pattern in quotation marks")
        thresholds, rules = self.said(table, path, (*SELECTORS, "rules"))
        if not any(selector in table for selector in SELECTORS):
            self.complain(path, "the override does not say for which keys: give it a name, owner or source")
        elif not set(table) - set(SELECTORS):
            self.complain(path, "the override changes nothing: give it a threshold or a rule")
        return Override(**selected, thresholds=thresholds, rules=rules)

    def _threshold(self, name: str, value: object, path: TomlPath) -> Threshold | None:
        read = _KINDS[type(getattr(_DEFAULTS, name))]
        try:
            threshold = read(name, value)
            fields: dict[str, Any] = {name: threshold}
            Policy(**fields)
        except InvalidInput as error:
            self.complain(path, str(error))
            return None
        return threshold

    def _rules(self, table: object, path: TomlPath) -> dict[str, RuleSetting]:
        if not isinstance(table, dict):
            self.complain(path, "rules are tables: write [rules.aged-key]")
            return {}
        settings: dict[str, RuleSetting] = {}
        for rule_id, setting in table.items():
            if rule_id not in self._rule_ids:
                message = _unknown("rule", rule_id, self._rule_ids, "`keyledger rules`")
                self.complain((*path, rule_id), message)
            elif not isinstance(setting, dict) or not setting:
                message = f"say `enabled` or `severity` under [{'.'.join(map(str, path))}.{rule_id}]"
                self.complain((*path, rule_id), message)
            else:
                settings[rule_id] = self._setting(setting, (*path, rule_id))
        return settings

    def _setting(self, table: Mapping[str, Any], path: TomlPath) -> RuleSetting:
        for name in table:
            if name not in _SWITCHES:
                message = _unknown("setting of a rule", name, _SWITCHES, "`keyledger policy show`")
                self.complain((*path, name), message)
        enabled, severity = table.get("enabled"), table.get("severity")
        if enabled is not None and not isinstance(enabled, bool):
            self.complain((*path, "enabled"), "enabled must be true or false")
            enabled = None
        if severity is not None and severity not in WORST_FIRST:
            choices = ", ".join(f'"{choice}"' for choice in WORST_FIRST)
            self.complain((*path, "severity"), f"severity must be one of {choices}")
            severity = None
        return RuleSetting(enabled, None if severity is None else Severity(severity))


def _duration(name: str, value: object) -> timedelta:
    if not isinstance(value, str):
        raise InvalidInput(f'{name} must be a duration in quotation marks, such as "45d"')
    try:
        return parse_duration(value)
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error}") from None


def _count(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidInput(f"{name} must be a whole number")
    return value


def _switch(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidInput(f"{name} must be true or false")
    return value


_KINDS: dict[type, Callable[[str, object], Threshold]] = {
    timedelta: _duration,
    int: _count,
    bool: _switch,
}


def _unknown(noun: str, name: str, known: Collection[str], listing: str) -> str:
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"{listing} lists them"
    return f"unknown {noun} {name!r}; {hint}"
