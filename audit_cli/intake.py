"""Taking in a stream of uses and observations: progress, refusals, the summary and the exit status."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from audit_cli import console
from audit_cli.failures import COULD_NOT, INTERRUPTED, tell_of_interruption
from audit_cli.interruption import Interruption
from audit_cli.progress import Progress, progress

if TYPE_CHECKING:
    from audit_cli.session import Session
    from ledger.intake import Item
    from ledger.usage import Doubt, Intake, OnDoubt, Refusal

INTAKE_SCHEMA = "keyledger.intake/1"

PROGRESS_SCHEMA = "keyledger.intake-progress/1"

IntakeFormat: TypeAlias = Literal["table", "json"]
UseFormat: TypeAlias = Literal["table", "json", "jsonl"]
IntakeFormatOption: TypeAlias = Annotated[
    IntakeFormat, typer.Option("--format", help="How to print the summary.")
]


def take_in(
    session: "Session",
    read: Callable[[Progress, "OnDoubt"], Iterable["Item"]],
    form: UseFormat,
    *,
    again: str = "run it again to go on: what is stored is recognized",
    on_refused: Callable[[], object] = lambda: None,
) -> None:
    """Record what `read` yields; exits with status 1 where anything was refused, which `on_refused` hears.

    What is kept in spite of a doubt is told, counted apart and no failure.
    What was acknowledged stays when it is interrupted; `again` says how to go on then, and where from.
    """
    import msgspec

    from ledger.usage import Intake

    counts, doubts = Intake(), 0
    reached: str | int = 0

    def warn(doubt: "Doubt") -> None:
        nonlocal doubts
        doubts += 1
        bar.say(_told(doubt.where, doubt.reason))

    def refuse(refusal: "Refusal") -> None:
        on_refused()
        bar.say(_told(refusal.where, refusal.reason))

    def remember(intake: "Intake", place: str | int) -> None:
        nonlocal counts, reached
        counts, reached = intake, place
        if form == "jsonl":
            so_far = msgspec.structs.asdict(intake)
            console.result_line({"schema": PROGRESS_SCHEMA, "lines": place, **so_far})

    with progress("reading") as bar, Interruption() as interruption:
        try:
            session.ledger.record_uses(
                session.organization,
                session.actor,
                interruption.between(read(bar, warn)),
                on_refused=refuse,
                on_batch=remember,
            )
        except KeyboardInterrupt:
            bar.clear()
            tell_of_interruption(
                f"interrupted; the {counts.stored:,} stored so far stay; {again.format(reached=reached)}"
            )
            raise typer.Exit(INTERRUPTED) from None
    _print(counts, doubts, form)
    if counts.refused:
        raise typer.Exit(COULD_NOT)


def _told(where: str | int, reason: str) -> str:
    from audit_cli.reports.terminal import printable

    place = f"line {where}" if isinstance(where, int) else where
    return printable(f"{place}: {reason}")


def _print(counts: "Intake", doubts: int, form: UseFormat) -> None:
    import msgspec

    summary = {"schema": INTAKE_SCHEMA, **msgspec.structs.asdict(counts), "doubts": doubts}
    match form:
        case "json":
            console.result_json(summary)
        case "jsonl":
            console.result_line(summary)
        case "table":
            console.note(f"{summary_line(counts, doubts)}.")


def summary_line(counts: "Intake", doubts: int) -> str:
    """What became of it, in a sentence without its end."""
    # Where a source told of no use, it was none that was to be stored.
    parts = [f"read {counts.read:,}", f"stored {counts.stored:,}"] if counts.read else []
    if counts.duplicates:
        parts.append(f"known already {counts.duplicates:,}")
    if counts.refused:
        parts.append(f"refused {counts.refused:,}")
    if counts.keys_registered:
        parts.append(f"new keys {counts.keys_registered:,}")
    if counts.observations:
        parts.append(f"observations {counts.observations:,}")
    if doubts:
        parts.append(f"in doubt {doubts:,}")
    return ", ".join(parts) or "nothing new"
