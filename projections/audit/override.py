"""What a policy tolerates differently for some keys."""

import re
from collections.abc import Callable
from datetime import timedelta
from fnmatch import translate
from typing import Any, TypeAlias

import msgspec

from ledger.moments import format_duration
from projections.audit.rule_setting import RuleSetting, canonical_settings
from projections.key_record import KeyRecord

Threshold: TypeAlias = timedelta | int | bool

SELECTORS = ("name", "owner", "source")


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """The keys that it is for, by patterns such as `ci-*` that must all match, and what holds for them."""

    name: str | None = None
    owner: str | None = None
    source: str | None = None
    thresholds: dict[str, Threshold] = {}
    rules: dict[str, RuleSetting] = {}

    def canonical(self) -> dict[str, Any]:
        """As reports print it: patterns, then thresholds by name, then rules."""
        said = {selector: getattr(self, selector) for selector in SELECTORS}
        selected = {selector: pattern for selector, pattern in said.items() if pattern is not None}
        changed = {name: canonical_threshold(self.thresholds[name]) for name in sorted(self.thresholds)}
        return selected | changed | ({"rules": canonical_settings(self.rules)} if self.rules else {})

    def matcher(self) -> Callable[[KeyRecord], bool]:
        """Tells its keys from others; the patterns are read once, case matters."""
        wanted = [
            (selector, re.compile(translate(pattern)).match)
            for selector in SELECTORS
            if (pattern := getattr(self, selector)) is not None
        ]
        return lambda record: all(match(getattr(record, selector) or "") for selector, match in wanted)


def canonical_threshold(value: Threshold) -> str | int | bool:
    """A threshold as reports print it: a duration as `45d`."""
    return format_duration(value) if isinstance(value, timedelta) else value
