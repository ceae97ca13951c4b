"""What a policy says of one rule: whether it is asked, and how severe its findings are."""

import msgspec

from projections.audit.severity import Severity


class RuleSetting(msgspec.Struct, frozen=True):
    """None leaves a question to whoever was asked before, in the end to the rule itself."""

    enabled: bool | None = None
    severity: Severity | None = None

    def over(self, earlier: "RuleSetting") -> "RuleSetting":
        """What holds where this comes after an earlier setting."""
        return RuleSetting(
            earlier.enabled if self.enabled is None else self.enabled,
            earlier.severity if self.severity is None else self.severity,
        )

    def canonical(self) -> dict[str, str | bool]:
        """What it says, in the order of its fields."""
        said = {"enabled": self.enabled, "severity": self.severity and self.severity.value}
        return {name: value for name, value in said.items() if value is not None}


UNSET = RuleSetting()


def canonical_settings(settings: dict[str, RuleSetting]) -> dict[str, dict[str, str | bool]]:
    """The settings by rule, in the order of the rules' ids."""
    return {rule_id: settings[rule_id].canonical() for rule_id in sorted(settings)}


def merged(earlier: dict[str, RuleSetting], later: dict[str, RuleSetting]) -> dict[str, RuleSetting]:
    """The settings of both, the later winning."""
    return earlier | {rule_id: each.over(earlier.get(rule_id, UNSET)) for rule_id, each in later.items()}
