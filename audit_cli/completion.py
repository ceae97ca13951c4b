"""What the shell offers where a key or a rule is to be typed; a failure offers nothing."""

from typing import TYPE_CHECKING, cast

import typer

if TYPE_CHECKING:
    from audit_cli.options import Options

MAX_OFFERED = 200


def complete_key(context: typer.Context, incomplete: str) -> list[str]:
    """The names of the organization's keys, or the ids of those without one."""
    from audit_cli.options import Options
    from ledger.errors import KeyledgerError

    try:
        return _names(Options(_said(context, "ledger"), _said(context, "org")), incomplete)
    except (KeyledgerError, OSError):
        return []


def complete_rule(incomplete: str) -> list[tuple[str, str]]:
    """The ids of the audit's rules."""
    from projections.audit.rules import RULES

    return [(rule.id, rule.title) for rule in RULES if rule.id.startswith(incomplete)]


def complete_policy(incomplete: str) -> list[str]:
    """The packs; files are completed by no list of ours."""
    from projections.policies import PACKS

    return [pack for pack in PACKS if pack.startswith(incomplete)]


def _said(context: typer.Context | None, option: str) -> str | None:
    """What was said of an option so far, after the command or before it: completion runs no callback."""
    while context is not None:
        if value := context.params.get(option):
            return str(value)
        context = cast("typer.Context | None", context.parent)
    return None


def _names(options: "Options", incomplete: str) -> list[str]:
    from sqlalchemy import func, select

    from audit_cli.session import session_by, settings_of
    from ledger.schema import credentials

    settings = settings_of(options)
    if settings.server is not None:
        return []
    with session_by(settings) as session, session.database.read() as connection:
        name = func.coalesce(credentials.c.name, credentials.c.external_id)
        query = select(name).where(
            credentials.c.organization_id == session.organization.id,
            name.startswith(incomplete, autoescape=True),
        )
        return list(connection.execute(query.distinct().order_by(name).limit(MAX_OFFERED)).scalars())
