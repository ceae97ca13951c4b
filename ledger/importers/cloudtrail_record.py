"""One CloudTrail record: the use that it is, and what it says of another key, the one that it is about."""

import re
from collections.abc import Iterator

import msgspec

from ledger.errors import InvalidInput
from ledger.events import KeyState
from ledger.importers.aws import access_key, account_of
from ledger.importers.values import moment_in
from ledger.moments import parse_moment
from ledger.observation import Observation
from ledger.usage import MAX_TEXT, Use

REPORTER = "cloudtrail"

_IAM = "iam.amazonaws.com"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# `Jul 10, 2023 12:24:29 PM`; some have a comma after the year, newer ones a narrow space before PM.
_WRITTEN_DATE = re.compile(r"([A-Z][a-z]{2}) (\d{1,2}), (\d{4}),? (\d{1,2}):(\d\d):(\d\d)\s([AP])M")
_STATES = {"Active": KeyState.ACTIVE, "Inactive": KeyState.DISABLED}


class Identity(msgspec.Struct, rename="camel"):
    """Who acted, and with which key."""

    arn: str | None = None
    account_id: str | None = None
    access_key_id: str | None = None
    user_name: str | None = None
    invoked_by: str | None = None


class Record(msgspec.Struct, rename="camel"):
    """The fields of a record that matter here; the rest, session tokens among it, is never decoded."""

    event_time: str | None = None
    timestamp: str | None = msgspec.field(default=None, name="@timestamp")
    event_id: str | None = msgspec.field(default=None, name="eventID")
    event_source: str | None = None
    event_name: str | None = None
    event_type: str | None = None
    event_category: str | None = None
    recipient_account_id: str | None = None
    user_identity: Identity | None = None
    source_ip: str | None = msgspec.field(default=None, name="sourceIPAddress")
    user_agent: str | None = None
    error_code: str | None = None
    request_parameters: msgspec.Raw = msgspec.Raw()
    response_elements: msgspec.Raw = msgspec.Raw()

    @property
    def is_cloudtrail(self) -> bool:
        """Whether this is a record of CloudTrail at all, however incomplete."""
        return bool(self.event_id or self.event_time or self.event_source or self.event_name)

    @property
    def is_insight(self) -> bool:
        """Whether this is a statistic over calls and not a call."""
        return self.event_category == "Insight" or self.event_type == "AwsCloudTrailInsight"

    @property
    def account(self) -> str | None:
        """The account whose log this is."""
        identity = self.user_identity
        return self.recipient_account_id or (identity.account_id if identity else None)

    def moment(self) -> int:
        """When it happened; InvalidInput for a record that does not say, or has no id to know it by."""
        written = self.event_time or self.timestamp
        if not written:
            raise InvalidInput("eventTime is missing")
        if not self.event_id:
            raise InvalidInput("eventID is missing, so that a repeat of the record could not be recognized")
        return moment_in("eventTime", written)


class _SubjectKey(msgspec.Struct, rename="camel"):
    access_key_id: str | None = None
    user_name: str | None = None
    status: str | None = None
    create_date: str | None = None


class _AssumedRole(msgspec.Struct):
    arn: str | None = None


class _Response(msgspec.Struct, rename="camel"):
    access_key: _SubjectKey | None = None
    credentials: _SubjectKey | None = None
    assumed_role_user: _AssumedRole | None = None


decode_record = msgspec.json.Decoder(Record).decode
_decode_request = msgspec.json.Decoder(_SubjectKey).decode
_decode_response = msgspec.json.Decoder(_Response).decode


def use_of(record: Record, at: int, where: str) -> Use | None:
    """The use of the key that the call was signed with; None for a call without one."""
    identity = record.user_identity
    if identity is None or not identity.access_key_id:
        return None
    if not record.event_source:
        raise InvalidInput("eventSource is missing, so that it is not known what the key was used for")
    agent = record.user_agent
    return Use(
        key=access_key(identity.access_key_id, identity.account_id or record.recipient_account_id),
        service=record.event_source,
        occurred_at=at,
        given_id=record.event_id,
        reporter=REPORTER,
        source_ip=record.source_ip,
        user_agent=agent[:MAX_TEXT] if agent else agent,
        error_count=1 if record.error_code else 0,
        where=where,
    )


def observations_of(record: Record, at: int, where: str) -> Iterator[Observation]:
    """What a call that succeeded did to the key it is about, which is not the key that it was signed with."""
    if record.error_code:
        return
    match record.event_name if record.event_source == _IAM else None:
        case "CreateAccessKey":
            yield from _created(record, at, where)
        case "DeleteAccessKey":
            yield from _changed(record, KeyState.REVOKED, at, where)
        case "UpdateAccessKey":
            yield from _changed(record, None, at, where)
        case _:
            yield from _issued(record, at, where)


def _created(record: Record, at: int, where: str) -> Iterator[Observation]:
    key = _response(record).access_key
    if key is None or not key.access_key_id:
        raise InvalidInput("responseElements of CreateAccessKey do not name the key that was created")
    yield Observation(
        key=access_key(key.access_key_id, record.account),
        occurred_at=at,
        reporter=REPORTER,
        state=_STATES.get(key.status or "Active", KeyState.ACTIVE),
        created_at=_created_at(key.create_date, at),
        owner=key.user_name,
        created_by=record.user_identity.arn if record.user_identity else None,
        where=where,
    )


def _changed(record: Record, state: KeyState | None, at: int, where: str) -> Iterator[Observation]:
    key = _request(record)
    if not key.access_key_id:
        raise InvalidInput(f"requestParameters of {record.event_name} do not name the key that was changed")
    state = state or _STATES.get(key.status or "")
    if state is None:
        raise InvalidInput("the status that UpdateAccessKey set is neither Active nor Inactive")
    yield Observation(
        key=access_key(key.access_key_id, record.account),
        occurred_at=at,
        reporter=REPORTER,
        state=state,
        owner=key.user_name or _acting_user(record),
        where=where,
    )


def _issued(record: Record, at: int, where: str) -> Iterator[Observation]:
    """A temporary credential that the call handed out."""
    # Only few responses hold a key at all, and not every service answers with an object.
    if b'"accessKeyId"' not in bytes(record.response_elements):
        return
    response = _response(record)
    if response.credentials is None or not response.credentials.access_key_id:
        return
    role = response.assumed_role_user
    # The role may be of another account than the one whose log this is.
    account = account_of(role.arn) if role and role.arn else None
    yield Observation(
        key=access_key(response.credentials.access_key_id, account or record.account),
        occurred_at=at,
        reporter=REPORTER,
        created_by=_issuer(record.user_identity),
        where=where,
    )


def _issuer(identity: Identity | None) -> str | None:
    return (identity.arn or identity.invoked_by) if identity else None


def _acting_user(record: Record) -> str | None:
    """Without a user name in the request, IAM takes the user of the key that signed it."""
    return record.user_identity.user_name if record.user_identity else None


def _request(record: Record) -> _SubjectKey:
    try:
        return _decode_request(record.request_parameters)
    except ValueError:
        return _SubjectKey()


def _response(record: Record) -> _Response:
    try:
        return _decode_response(record.response_elements)
    except ValueError:
        return _Response()


def _created_at(written: str | None, otherwise: int) -> int:
    try:
        return parse_moment(_iso_date(written or ""))
    except InvalidInput:
        return otherwise


def _iso_date(written: str) -> str:
    """The date as RFC 3339; read by hand because `strptime` reads month names in the user's own language."""
    found = _WRITTEN_DATE.fullmatch(written)
    if found is None or found[1] not in _MONTHS:
        return written
    month = _MONTHS.index(found[1]) + 1
    hour = int(found[4]) % 12 + (12 if found[7] == "P" else 0)
    return f"{found[3]}-{month:02}-{int(found[2]):02}T{hour:02}:{found[5]}:{found[6]}Z"
