"""The rules of an audit, in the order in which they are listed."""

from difflib import get_close_matches

from ledger.errors import NotFound
from projections.audit.confirming import UNCONFIRMED_KEY
from projections.audit.dormancy import DORMANT_THEN_ACTIVE
from projections.audit.expiry import EXPIRING_SOON, NO_EXPIRY
from projections.audit.exposure import DENIED_ATTEMPTS, SHARED_KEY
from projections.audit.idleness import NEVER_USED_KEY, NO_USAGE_DATA, UNUSED_KEY
from projections.audit.leakage import LEAKED_KEY
from projections.audit.lifetime import AGED_KEY, ROTATION_UNFINISHED
from projections.audit.naming import UNDESCRIPTIVE_NAME
from projections.audit.rule import Rule
from projections.audit.stewardship import DEPARTED_OWNER, UNREGISTERED_KEY
from projections.audit.untimely import USED_AFTER_REVOCATION, USED_BEFORE_CREATION

# Rises whenever a rule is added, may judge the same key differently or says something else of it, or another
# past is judged.
RULES_VERSION = "7"

RULES: tuple[Rule, ...] = (
    UNUSED_KEY,
    NEVER_USED_KEY,
    NO_USAGE_DATA,
    AGED_KEY,
    USED_BEFORE_CREATION,
    USED_AFTER_REVOCATION,
    DENIED_ATTEMPTS,
    LEAKED_KEY,
    SHARED_KEY,
    UNDESCRIPTIVE_NAME,
    ROTATION_UNFINISHED,
    DORMANT_THEN_ACTIVE,
    DEPARTED_OWNER,
    EXPIRING_SOON,
    NO_EXPIRY,
    UNREGISTERED_KEY,
    UNCONFIRMED_KEY,
)


def find_rule(rule_id: str) -> Rule:
    """The rule of that id; NotFound suggests what may have been meant."""
    by_id = {rule.id: rule for rule in RULES}
    if rule_id in by_id:
        return by_id[rule_id]
    close = get_close_matches(rule_id, by_id, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "`keyledger rules` lists them"
    raise NotFound(f"there is no rule {rule_id!r}; {hint}")
