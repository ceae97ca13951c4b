"""The rules of an audit, in the order in which they are listed."""

from difflib import get_close_matches

from ledger.errors import NotFound
from projections.audit.exposure import DENIED_ATTEMPTS, SHARED_KEY
from projections.audit.idleness import NEVER_USED_KEY, NO_USAGE_DATA, UNUSED_KEY
from projections.audit.leakage import LEAKED_KEY
from projections.audit.lifetime import AGED_KEY, ROTATION_UNFINISHED, USED_AFTER_REVOCATION
from projections.audit.naming import UNDESCRIPTIVE_NAME
from projections.audit.rule import Rule

# Rises whenever a rule is added or may judge the same key differently.
RULES_VERSION = "2"

RULES: tuple[Rule, ...] = (
    UNUSED_KEY,
    NEVER_USED_KEY,
    NO_USAGE_DATA,
    AGED_KEY,
    USED_AFTER_REVOCATION,
    DENIED_ATTEMPTS,
    LEAKED_KEY,
    SHARED_KEY,
    UNDESCRIPTIVE_NAME,
    ROTATION_UNFINISHED,
)


def find_rule(rule_id: str) -> Rule:
    """The rule of that id; NotFound suggests what may have been meant."""
    by_id = {rule.id: rule for rule in RULES}
    if rule_id in by_id:
        return by_id[rule_id]
    close = get_close_matches(rule_id, by_id, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "`keyledger rules` lists them"
    raise NotFound(f"there is no rule {rule_id!r}; {hint}")
