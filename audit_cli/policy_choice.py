"""The policy that a command goes by: a file's or a pack's, changed by flags."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import typer

from audit_cli.failures import COULD_NOT, tell
from audit_cli.options import Options

if TYPE_CHECKING:
    from projections.audit.policy import Policy


def policy_in_force(
    options: Options, source: str | None, flags: Mapping[str, timedelta | None], fallback: str | None = None
) -> "Policy":
    """The policy named, else that of the settings, else of the `fallback` pack, else the built-in one.

    Flags change what it says of keys in general; its overrides stay. Every fault of a file is told.
    """
    from msgspec.structs import replace

    from audit_cli.session import settings_of
    from projections.audit.policy import Policy

    if source is None:
        source = settings_of(options).policy or fallback
    policy = Policy() if source is None else sound_policy(source)
    said: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    return replace(policy, **said) if said else policy


def sound_policy(source: str) -> "Policy":
    """The policy of a file or a pack; leaves with one line for each of its faults."""
    from projections.policies import load_policy

    loaded = load_policy(source)
    for fault in loaded.faults:
        tell(fault)
    if loaded.faults:
        raise typer.Exit(COULD_NOT)
    return loaded.policy
