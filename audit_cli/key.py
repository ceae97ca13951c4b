"""`keyledger key`: making keys and changing them."""

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from audit_cli import console
from audit_cli.completion import complete_key
from audit_cli.options import Options, command
from audit_cli.values import Lifetime, SecretFormat, SecretFormatOption, duration, lifetime, moment

if TYPE_CHECKING:
    from audit_cli.session import Session
    from projections.documents.created import CreatedDocument, RotatedDocument

ANOTHER = (
    "There is another key of that name, so name the one that you mean by its id:"
    " `keyledger key list` shows it. A successor is made by `keyledger key rotate`."
)
_SHORT_ID = 8
# What to do about a new key whose secret nobody has seen.
LOST = "end it with `keyledger key revoke {id}`, and make another"
LOST_SUCCESSOR = (
    "`keyledger key rotate {id} --overlap 0s` makes another, and the old key works until its time"
)
COPY_NOW = "Copy the secret now: it is stored nowhere and will not be shown again."

app = typer.Typer(rich_markup_mode=None)

KeyArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="KEY", autocompletion=complete_key, help="Its id, the id's beginning, or its name."
    ),
]
OwnerOption: TypeAlias = Annotated[
    str | None, typer.Option(metavar="WHO", help="Who answers for it: a member's address or a name.")
]
ExpiresInOption: TypeAlias = Annotated[
    timedelta | None,
    typer.Option(parser=duration, metavar="DURATION", help="How long it works, such as 90d."),
]
ExpiresAtOption: TypeAlias = Annotated[
    int | None, typer.Option(parser=moment, metavar="TIME", help="Until when it works.")
]
ScopeOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--scope", metavar="SCOPE", help="What it may do, such as keys:check; repeat for several."),
]
ReasonOption: TypeAlias = Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for the record.")]


@command(app, "create", at_server="keys.create")
def create(
    options: Options,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for, such as ci-github-actions.")],
    owner: OwnerOption = None,
    expires_in: ExpiresInOption = None,
    expires_at: ExpiresAtOption = None,
    scope: ScopeOption = None,
    form: SecretFormatOption = "table",
) -> None:
    """Make a key and show its secret, once.

    Example: keyledger key create ci-github-actions --expires-in 90d
    """
    from audit_cli.session import open_session
    from ledger.key_terms import NewKey
    from projections.documents.created import created_document

    require_place_to_show()
    with open_session(options) as session:
        new = NewKey(name, owner, expiry(session, expires_in, expires_at), tuple(scope or ()))
        created = session.ledger.create_key(session.organization, session.actor, new)
        show_secret(created_document(created), form, LOST)
        if _means_several(session, created.name):
            console.note(ANOTHER)


@command(app, "rotate", at_server="keys.rotate")
def rotate(
    options: Options,
    key: KeyArgument,
    overlap: Annotated[
        timedelta,
        typer.Option(
            parser=duration, metavar="DURATION", help="How long the old one still works.", show_default="7d"
        ),
    ] = timedelta(days=7),
    expires_in: Annotated[
        Lifetime | None,
        typer.Option(
            parser=lifetime,
            metavar="DURATION|never",
            help="How long the successor works; else as long as the old one was to.",
        ),
    ] = None,
    form: SecretFormatOption = "table",
) -> None:
    """Make a successor and show its secret, once.

    The old key works until the overlap ends. The name means the successor then; the old key has its id.

    Example: keyledger key rotate ci-github-actions --overlap 3d --expires-in 90d
    """
    from msgspec import UNSET

    from audit_cli.session import clock, open_session
    from ledger.key_terms import Succession
    from projections.documents.created import rotated_document

    require_place_to_show()
    with open_session(options) as session:
        expires_at = UNSET if expires_in is None else expiry(session, expires_in.duration, None)
        rotated = session.ledger.rotate_key(
            session.organization, session.actor, session.key(key), overlap, Succession(expires_at)
        )
    document = rotated_document(rotated)
    show_secret(document, form, LOST_SUCCESSOR)
    console.note(describe_end_of_old(document, clock()))


@command(app, "disable", at_server="keys.disable")
def disable(options: Options, key: KeyArgument, reason: ReasonOption = None) -> None:
    """Refuse a key until it is enabled again.

    Example: keyledger key disable ci-github-actions --reason "unused for 45 days"
    """
    from audit_cli.session import open_session

    with open_session(options) as session:
        credential = session.key(key)
        session.ledger.disable_key(session.organization, session.actor, credential, reason)
    console.result(disabled(credential.name))


@command(app, "enable", at_server="keys.enable")
def enable(options: Options, key: KeyArgument) -> None:
    """Accept a disabled key again.

    Example: keyledger key enable ci-github-actions
    """
    from audit_cli.session import open_session

    with open_session(options) as session:
        credential = session.key(key)
        session.ledger.enable_key(session.organization, session.actor, credential)
    console.result(enabled(credential.name))


def _means_several(session: "Session", name: str) -> bool:
    from ledger.errors import Ambiguous

    try:
        session.key(name)
    except Ambiguous:
        return True
    return False


def disabled(name: str | None) -> str:
    """What is said of a key that was disabled."""
    return f"Disabled {name}: it is refused until `keyledger key enable` accepts it again.\n"


def enabled(name: str | None) -> str:
    """What is said of a key that was enabled."""
    return f"Enabled {name}: it is accepted again.\n"


def expiry(
    session: "Session", expires_in: timedelta | None, expires_at: int | None, *, no_expiry: bool = False
) -> int | None:
    """When a key is to expire, of the three ways to say it at most one."""
    from ledger.moments import MICROSECOND

    require_one_way(expires_in, expires_at, no_expiry=no_expiry)
    return expires_at if expires_in is None else session.now + expires_in // MICROSECOND


def require_one_way(expires_in: timedelta | None, expires_at: int | None, *, no_expiry: bool = False) -> None:
    """BadParameter where the end of a key is said in more than one way."""
    if sum((expires_in is not None, expires_at is not None, no_expiry)) > 1:
        raise typer.BadParameter("--expires-in, --expires-at and --no-expiry exclude each other")


def ends(expires_in: timedelta | None, expires_at: int | None) -> dict[str, str | None]:
    """When a key is to expire, in the words of the HTTP API, whose clock counts."""
    from ledger.moments import format_duration, format_moment

    return {
        "expires_in": None if expires_in is None else format_duration(expires_in),
        "expires_at": None if expires_at is None else format_moment(expires_at),
    }


def describe_end_of_old(rotated: "RotatedDocument", now: int) -> str:
    """Until when the key before a successor works, and what to do then."""
    from audit_cli.wording import moment
    from ledger.moments import parse_moment

    old, ends_at = rotated.old_id[:_SHORT_ID], parse_moment(rotated.overlap_ends_at)
    if ends_at <= now:
        return f"The old key {old} is refused from now on. End it for good: keyledger key revoke {old}"
    return f"The old key {old} works until {moment(ends_at)}. Who has moved: keyledger rotation status {old}"


def require_place_to_show() -> None:
    """KeyledgerError where standard output is closed: a secret that nobody sees is lost."""
    from ledger.errors import InvalidInput

    if sys.stdout is None:
        raise InvalidInput("standard output is closed, so no secret could be shown: nothing was made")


def show_secret(created: "CreatedDocument", form: SecretFormat, instead: str) -> None:
    """Show the secret of a new key, this once; `instead` is what to do where it cannot be written.

    Raises KeyledgerError then: nobody else is told that the key is there.
    """
    from ledger.errors import KeyledgerError

    try:
        console.result(_shown(created, form))
        # What is still held back might be lost, and nobody told.
        sys.stdout.flush()
    except OSError as error:
        raise KeyledgerError(
            f"the secret of {created.name} could not be written ({error.strerror}) and is lost, but the key"
            f" is made: {instead.format(id=created.id[:_SHORT_ID])}"
        ) from None
    if form == "table":
        console.note(COPY_NOW)


def _shown(created: "CreatedDocument", form: SecretFormat) -> str:
    from audit_cli.wording import moment
    from ledger.moments import parse_moment

    match form:
        case "secret":
            return f"{created.secret}\n"
        case "json":
            return console.json_text(created)
        case "table":
            expires = "never" if created.expires_at is None else moment(parse_moment(created.expires_at))
            return (
                f"Organization  {created.organization}\n"
                f"Key           {created.name}\n"
                f"Id            {created.id}\n"
                f"Expires       {expires}\n"
                f"Secret        {created.secret}\n"
            )
