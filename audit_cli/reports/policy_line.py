"""A policy in a few words, as reports print it."""

from typing import Any

from projections.audit.override import SELECTORS


def policy_line(policy: dict[str, Any]) -> str:
    """The canonical form as text: thresholds, then rules, then overrides."""
    parts = [_terms(policy)]
    for override in policy.get("override", ()):
        keys = " and ".join(f"{name}={override[name]}" for name in SELECTORS if name in override)
        parts.append(f"for {keys}: {_terms(override)}")
    return "; ".join(parts)


def _terms(table: dict[str, Any]) -> str:
    thresholds = [
        f"{name}={_threshold(value)}"
        for name, value in table.items()
        if name not in SELECTORS and not isinstance(value, dict | list)
    ]
    rules = [f"{rule_id} {_setting(setting)}" for rule_id, setting in table.get("rules", {}).items()]
    return ", ".join(thresholds + rules)


def _setting(setting: dict[str, Any]) -> str:
    enabled = {True: ["on"], False: ["off"], None: []}[setting.get("enabled")]
    return " ".join(enabled + ([setting["severity"]] if "severity" in setting else []))


def _threshold(value: str | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
