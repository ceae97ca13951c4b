"""`keyledger policy show` and `keyledger policy check`: what an audit would go by."""

from typing import Annotated

import typer

from audit_cli import console
from audit_cli.completion import complete_policy
from audit_cli.options import Options, command
from audit_cli.values import FormatOption

POLICY_SCHEMA = "keyledger.policy/1"

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)


@command(app, "show")
def show(
    options: Options,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE|PACK]",
            autocompletion=complete_policy,
            help="A policy file or a pack; else the policy of the settings.",
        ),
    ] = None,
    form: FormatOption = "table",
) -> None:
    """Show a policy in full, as TOML, with its hash.

    What is shown can be kept as a policy file and changed.

    Example: keyledger policy show cis-aws > policy.toml
    """
    from audit_cli.policy_choice import policy_in_force
    from projections.audit.policy_text import policy_toml

    policy = policy_in_force(options, source, {})
    canonical, digest = policy.canonical(), policy.sha256()
    if form == "json":
        console.result_json({"schema": POLICY_SCHEMA, "policy": canonical, "policy_sha256": digest})
    else:
        console.result(f"# SHA-256 {digest}\n{policy_toml(canonical)}")


@command(app, "check")
def check(
    options: Options,
    source: Annotated[
        str, typer.Argument(metavar="FILE", autocompletion=complete_policy, help="The policy file.")
    ],
) -> None:
    """Check a policy file: every fault is told, with its line.

    Exit status 0 if there is none, 1 if there is any.

    Example: keyledger policy check policy.toml
    """
    del options
    from audit_cli.policy_choice import sound_policy

    policy = sound_policy(source)
    console.note(f"{source} is sound; its hash is {policy.sha256()}.")
