"""The command that begins to resolve a finding, for keys minted here and for those of other sources."""

import re
import shlex
from enum import StrEnum
from typing import assert_never

from ledger.events import KeyKind, KeyState
from ledger.ids import format_id
from ledger.observation import is_slot
from projections.key_record import KeyRecord

AWS = "aws"

_IAM_USER = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
_USER_ARN = re.compile(r"arn:[\w-]+:iam::\d*:user/(?:[^/]+/)*(?P<user>[\w+=,.@-]{1,64})", re.ASCII)
_ROOT_ARN = re.compile(r"arn:[\w-]+:iam::\d*:root(?:/|$)", re.ASCII)
# So a credential report calls the root account.
_ROOT = "<root_account>"
_ANY_ACCESS_KEY = "ACCESS_KEY_ID"
_ANY_USER = "USER_NAME"

_SOME_AWS_KEY = KeyRecord(
    id=bytes(16),
    name="",
    kind=KeyKind.LONG_LIVED,
    source=AWS,
    state=KeyState.ACTIVE,
    known_since=0,
    external_id="AKIA...",
    owner="USER",
)


class Action(StrEnum):
    """What is to be done with a key."""

    DISABLE = "disable"
    REVOKE = "revoke"
    ROTATE = "rotate"
    RENAME = "rename"
    REASSIGN = "reassign"
    LIMIT = "limit"
    SPLIT = "split"
    REPORT_USE = "report-use"
    INVESTIGATE = "investigate"
    CONFIRM = "confirm"


# Wherever the key was minted, it is this ledger that keeps what these speak of.
_ALWAYS_HERE = (Action.INVESTIGATE, Action.CONFIRM)


def action_for(action: Action, record: KeyRecord) -> Action:
    """What is left to do: of a key whose successor is there, the end."""
    rotated = action is Action.ROTATE and record.successor_id is not None
    return Action.REVOKE if rotated else action


def remedy(action: Action, record: KeyRecord) -> str:
    """The command to type; words in capitals are to be filled in."""
    action = action_for(action, record)
    if record.is_minted_here or action in _ALWAYS_HERE:
        return _here(action, format_id(record.id))
    if record.source == AWS:
        return _aws(action, record)
    return _elsewhere(action, record)


def remedy_template(action: Action) -> str:
    """The command for some key that was minted here."""
    return _here(action, "KEY")


def aws_remedy_template(action: Action) -> str:
    """The command for some key of AWS."""
    return remedy_template(action) if action in _ALWAYS_HERE else _aws(action, _SOME_AWS_KEY)


def _here(action: Action, key: str) -> str:
    match action:
        case Action.DISABLE:
            return f"keyledger key disable {key}"
        case Action.REVOKE:
            return f"keyledger key revoke {key}"
        case Action.ROTATE:
            return f"keyledger key rotate {key}"
        case Action.RENAME:
            return f"keyledger key set {key} --name NEW-NAME"
        case Action.REASSIGN:
            return f"keyledger key set {key} --owner NEW-OWNER"
        case Action.LIMIT:
            return f"keyledger key set {key} --expires-in 90d"
        case Action.SPLIT:
            return "keyledger key create CALLER-NAME"
        case Action.REPORT_USE:
            return "keyledger use append FILE"
        case Action.INVESTIGATE:
            return f"keyledger key history {key}"
        case Action.CONFIRM:
            return f"keyledger key confirm {key}"
        case _:
            assert_never(action)


def _aws(action: Action, record: KeyRecord) -> str:
    user_option = _user_option(record)
    match action:
        case Action.DISABLE | Action.REVOKE | Action.REASSIGN:
            return _deactivate(record, user_option)
        case Action.ROTATE:
            return f"aws iam create-access-key{user_option}"
        case Action.SPLIT:
            return "aws iam create-user --user-name CALLER-NAME"
        case Action.LIMIT:
            return "aws iam create-role --role-name ROLE-NAME --assume-role-policy-document file://trust.json"
        case Action.REPORT_USE:
            return "keyledger import iam-credential-report FILE"
        case Action.INVESTIGATE | Action.CONFIRM:
            return _here(action, format_id(record.id))
        case Action.RENAME:
            return _elsewhere(action, record)
        case _:
            assert_never(action)


def _deactivate(record: KeyRecord, user_option: str) -> str:
    external_id = record.external_id or _ANY_ACCESS_KEY
    slot = is_slot(external_id)
    access_key = _ANY_ACCESS_KEY if slot else shlex.quote(external_id)
    command = f"aws iam update-access-key{user_option} --access-key-id {access_key} --status Inactive"
    # A credential report numbers a user's keys without naming them.
    return f"{command}  # its id: aws iam list-access-keys{user_option}" if slot else command


def iam_user(record: KeyRecord) -> str | None:
    """The IAM user whose key it is, or the root account; None where nobody said."""
    return _ROOT if _is_of_root(record) else _iam_user(record)


def _user_option(record: KeyRecord) -> str:
    """Whose key it is; without it AWS means the user who types the command, which suits root's keys alone."""
    if _is_of_root(record):
        return ""
    return f" --user-name {shlex.quote(_iam_user(record) or _ANY_USER)}"


def _is_of_root(record: KeyRecord) -> bool:
    return record.owner == _ROOT or _ROOT_ARN.match(record.external_id or "") is not None


def _iam_user(record: KeyRecord) -> str | None:
    """The IAM user whose key it is; None where nobody said."""
    for text in (record.owner or "", (record.external_id or "").rpartition("/")[0]):
        if found := _USER_ARN.fullmatch(text):
            return found["user"]
    if record.external_id is not None and record.external_id.startswith("arn:"):
        return None
    return record.owner if record.owner and _IAM_USER.fullmatch(record.owner) else None


def _elsewhere(action: Action, record: KeyRecord) -> str:
    # No command, but it stands where commands do, and what strangers called their keys is pasted with it.
    called, source = map(shlex.quote, (record.external_id or format_id(record.id), record.source))
    key = f"{called} at its source ({source})"
    return f"import the uses of {key}" if action is Action.REPORT_USE else f"{action} {key}"
