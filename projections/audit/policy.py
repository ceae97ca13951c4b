"""The policy of an audit: the thresholds that its rules go by, and their canonical form and hash."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

import msgspec

from ledger.errors import InvalidInput
from projections.audit.override import Override, canonical_threshold
from projections.audit.rule_setting import RuleSetting, canonical_settings, merged

_SECOND = timedelta(seconds=1)
_MINIMUM = {"shared_callers": 2, "shared_addresses": 2, "denied_attempts": 1}
# Uses are counted by the day, so that a pause within one may not be seen.
_SHORTEST = {"dormant_for": timedelta(days=1)}


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an organization tolerates: thresholds, then settings of rules, then overrides for some keys.

    Durations are whole seconds, so that the canonical form says them exactly.
    Raises InvalidInput for a threshold that makes no sense.
    """

    unused_for: timedelta = timedelta(days=45)
    max_age: timedelta = timedelta(days=90)
    never_used_grace: timedelta = timedelta(days=7)
    shared_callers: int = 2
    shared_addresses: int = 5
    shared_within: timedelta = timedelta(days=30)
    denied_attempts: int = 1
    denied_within: timedelta = timedelta(days=30)
    dormant_for: timedelta = timedelta(days=90)
    dormant_within: timedelta = timedelta(days=30)
    expiring_within: timedelta = timedelta(days=14)
    coverage_tolerance: timedelta = timedelta(hours=48)
    assume_coverage: bool = True
    max_waiver: timedelta = timedelta(days=365)
    warn_for: timedelta = timedelta(days=14)
    disable_for: timedelta = timedelta(days=30)
    confirm_within: timedelta = timedelta(days=365)
    rules: dict[str, RuleSetting] = {}
    overrides: tuple[Override, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an impossible policy, wherever it comes from."""
        for name in self.__struct_fields__:
            match getattr(self, name):
                case timedelta() as duration:
                    _check_duration(name, duration)
                case int() as count if name in _MINIMUM:
                    _check_count(name, count)
        for override in self.overrides:
            self.overridden(override)

    def overridden(self, override: Override) -> "Policy":
        """The policy for the keys of one of its overrides."""
        rules = merged(self.rules, override.rules)
        changes: dict[str, Any] = {**override.thresholds, "rules": rules, "overrides": ()}
        return msgspec.structs.replace(self, **changes)

    def canonical(self) -> dict[str, Any]:
        """The policy as reports print it: durations as `45d`, in the order of the fields.

        Rules and overrides are told only where there are any, by the names of policy files.
        """
        told: dict[str, Any] = {name: canonical_threshold(getattr(self, name)) for name in THRESHOLDS}
        if self.rules:
            told["rules"] = canonical_settings(self.rules)
        if self.overrides:
            told["override"] = [override.canonical() for override in self.overrides]
        return told

    def sha256(self) -> str:
        """SHA-256 in hexadecimal over the canonical JSON: sorted keys, no blanks."""
        return sha256(msgspec.json.encode(self.canonical(), order="sorted")).hexdigest()


THRESHOLDS = tuple(name for name in Policy.__struct_fields__ if name not in {"rules", "overrides"})


def _check_duration(name: str, duration: timedelta) -> None:
    if duration < timedelta():
        raise InvalidInput(f"the policy's {name} is negative; write a duration such as 45d, 12h or 0s")
    if duration < _SHORTEST.get(name, timedelta()):
        least = canonical_threshold(_SHORTEST[name])
        raise InvalidInput(
            f"the policy's {name} is {canonical_threshold(duration)}; the least that makes sense is {least}"
        )
    if duration % _SECOND:
        raise InvalidInput(f"the policy's {name} has a fraction of a second; use whole seconds")


def _check_count(name: str, count: int) -> None:
    if count < _MINIMUM[name]:
        raise InvalidInput(f"the policy's {name} is {count}; the least that makes sense is {_MINIMUM[name]}")
