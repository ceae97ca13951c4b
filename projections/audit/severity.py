"""How much a finding matters."""

from enum import StrEnum


class Severity(StrEnum):
    """From a hint to an emergency; the order of the members is the order of severity."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the mildest, rising."""
        return _RANK[self]

    def is_at_least(self, threshold: "Severity") -> bool:
        """Whether a finding of this severity reaches the threshold."""
        return self.rank >= threshold.rank


_RANK = {severity: rank for rank, severity in enumerate(Severity)}
WORST_FIRST = tuple(reversed(Severity))
