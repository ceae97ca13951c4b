"""Access keys as AWS names them, the same in its logs, its reports and its answers."""

import re

from ledger.errors import InvalidInput
from ledger.events import KeyKind
from ledger.importers.values import quoted
from ledger.observation import ExternalKey

SOURCE = "aws"
# IAM itself allows no longer access key id.
MAX_KEY_ID = 128

_TEMPORARY_PREFIX = "ASIA"
_ACCOUNT = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::([0-9]{12}):.", re.ASCII)


def access_key(access_key_id: str, account: str | None) -> ExternalKey:
    """The key of an access key id; AWS marks those that end by themselves by their prefix."""
    if not 0 < len(access_key_id) <= MAX_KEY_ID:
        raise InvalidInput(
            f"{quoted(access_key_id)} is no access key id: those have 1 to {MAX_KEY_ID} characters"
        )
    temporary = access_key_id.startswith(_TEMPORARY_PREFIX)
    return ExternalKey(
        source=SOURCE,
        external_id=access_key_id,
        kind=KeyKind.TEMPORARY if temporary else KeyKind.LONG_LIVED,
        account=account,
    )


def account_of(arn: str) -> str | None:
    """The account that an ARN of IAM or STS names."""
    found = _ACCOUNT.match(arn)
    return found[1] if found else None
