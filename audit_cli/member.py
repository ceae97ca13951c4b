"""`keyledger member`: who is in an organization, and what they may do."""

from typing import Annotated, Literal, TypeAlias

import typer

from audit_cli import console
from audit_cli.confirmation import YesOption, confirm
from audit_cli.options import Options, command
from audit_cli.values import FormatOption

app = typer.Typer(rich_markup_mode=None)

RoleName: TypeAlias = Literal["admin", "member"]
EmailArgument: TypeAlias = Annotated[str, typer.Argument(metavar="EMAIL", help="The member's address.")]


@command(app, "add")
def add(
    options: Options,
    email: EmailArgument,
    role: Annotated[RoleName, typer.Option(help="An admin manages keys, a member reads.")],
    login: Annotated[
        str | None, typer.Option(metavar="NAME", help="The system user that acts as this member.")
    ] = None,
) -> None:
    """Let a person in.

    Example: keyledger member add bob@example.com --role member --login bob
    """
    from audit_cli.session import open_session
    from ledger.events import MemberDetails, Role

    with open_session(options) as session:
        org = session.organization
        session.ledger.add_member(org, session.actor, MemberDetails(email, login), Role(role))
    console.result(f"Added {email} to {org.name} with the role {role}.\n")


@command(app, "list")
def list_members(options: Options, form: FormatOption = "table") -> None:
    """List the members with their roles.

    Example: keyledger member list --format json
    """
    from audit_cli.session import open_session
    from projections.documents.members import members_document, present_members

    with open_session(options) as session:
        org = session.organization
    if form == "json":
        console.result_json(members_document(org))
        return
    rows = [(member.email, member.role, member.login or "") for member in present_members(org)]
    console.result(console.table(("Member", "Role", "System user"), rows, flexible=(0, 2)))


@command(app, "role")
def role(
    options: Options,
    email: EmailArgument,
    new_role: Annotated[RoleName, typer.Argument(metavar="ROLE", help="admin or member.")],
) -> None:
    """Give a member another role.

    Example: keyledger member role bob@example.com admin
    """
    from audit_cli.session import open_session
    from ledger.events import Role

    with open_session(options) as session:
        org = session.organization
        session.ledger.change_role(org, session.actor, email, Role(new_role))
    console.result(f"{email} has the role {new_role} in {org.name} now.\n")


@command(app, "remove")
def remove(options: Options, email: EmailArgument, yes: YesOption = False) -> None:
    """End a membership.

    The keys that the member owns stay as they are.

    Example: keyledger member remove bob@example.com --yes
    """
    from audit_cli.session import open_session
    from ledger.actor import require_admin

    with open_session(options) as session:
        org = session.organization
        require_admin(session.actor, "remove members")
        member = org.member(email)
        if not yes:
            with session.view() as view:
                owned = [record.name for record in view.records() if record.owner == member.email]
            console.note(
                f"{member.email} ({member.role}) will lose access to {org.name} and owns {len(owned)} keys."
            )
            confirm(f"Remove {member.email}?")
        session.ledger.remove_member(org, session.actor, email)
    console.result(f"Removed {member.email} from {org.name}.\n")
