"""`keyledger upgrade`: an older ledger brought to the schema that this version works on."""

import typer

from audit_cli import console
from audit_cli.options import Options, command

app = typer.Typer(rich_markup_mode=None)


@command(app, "upgrade")
def upgrade(options: Options) -> None:
    """Bring a ledger of an older version up to date.

    All or nothing; events stay as they are. A ledger that is up to date is left alone. Make a backup first.

    Example: keyledger upgrade
    """
    from audit_cli.session import ledger_settings
    from ledger.database import open_database
    from ledger.schema import upgrade_schema

    database = open_database(ledger_settings(options).url)
    try:
        before, after = upgrade_schema(database)
    finally:
        database.close()
    if before == after:
        console.result(f"{database.name} is up to date: schema version {after}.\n")
    else:
        console.result(f"Upgraded {database.name} from schema version {before} to {after}.\n")
