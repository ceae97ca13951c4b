"""`keyledger init`: a ledger and its first organization and admin."""

from typing import TYPE_CHECKING, Annotated

import typer

from audit_cli import console
from audit_cli.options import Options, command

if TYPE_CHECKING:
    from ledger.database import Database
    from ledger.events import MemberDetails
    from ledger.organization import Organization

app = typer.Typer(rich_markup_mode=None)


@command(app, "init")
def init(
    options: Options,
    organization: Annotated[str, typer.Argument(metavar="ORG", help="The organization's name.")],
    admin: Annotated[
        str | None, typer.Option(metavar="EMAIL", help="The first admin; else the system user by name.")
    ] = None,
    prefix: Annotated[str, typer.Option(metavar="TEXT", help="What its secrets begin with.")] = "kl",
) -> None:
    """Create a ledger with an organization and its admin.

    Whoever runs this acts as that admin from then on. In a ledger that is there already, it founds another
    organization.

    Example: keyledger init acme --admin ada@example.com
    """
    from audit_cli.session import default_ledger, login, settings_of
    from ledger.database import open_database
    from ledger.events import MemberDetails

    user = login()
    details = MemberDetails(admin or user, user)
    # Before the file is made, so that a typing error leaves nothing behind.
    _check(organization, admin, user, prefix)
    # A server that is named is for later: here the ledger is made that is named beside it, or one's own.
    settings = settings_of(options)
    if settings.url == str(default_ledger()):
        default_ledger().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = open_database(settings.url, create=True)
    try:
        is_new = _ensure_schema(database)
        founded = _founded(database, organization, details, prefix)
    finally:
        database.close()
    place = database.name if is_new else f"the ledger that was there already, {database.name}"
    console.result(
        f"Created the organization {founded.name} in {place}.\n"
        f"Its admin is {details.email}: the system user {user!r}.\n"
    )
    console.note(
        "Next: `keyledger key create NAME` makes a key, `keyledger member add EMAIL` lets others in."
    )


def _check(organization: str, admin: str | None, user: str, prefix: str) -> None:
    from ledger.organization import validate_address, validate_email, validate_organization_name
    from ledger.secret import check_prefix

    validate_organization_name(organization)
    if admin is None:
        validate_email(user)
    else:
        validate_address(admin)
    check_prefix(prefix)


def _founded(database: "Database", name: str, admin: "MemberDetails", prefix: str) -> "Organization":
    import os

    from audit_cli.session import clock
    from ledger.events import Authentication
    from ledger.ledger import Ledger

    ledger = Ledger(database, clock, os.urandom)
    return ledger.create_organization(name, admin, Authentication.OPERATING_SYSTEM, prefix)


def _ensure_schema(database: "Database") -> bool:
    """Make the tables where there are none; says whether there were none."""
    from ledger.errors import WrongState
    from ledger.schema import check_schema, create_schema

    try:
        create_schema(database)
    except WrongState:
        check_schema(database)
        return False
    return True
