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
    What was acknowledged stays when it is interrupted or cannot be read to its end; `again` says how to go on
    then, and where from.
    """
    from ledger.errors import InvalidInput

    with progress("reading") as bar, Interruption() as interruption:
        taking = _Taking(bar, form, on_refused)
        try:
            session.ledger.record_uses(
                session.organization,
                session.actor,
                interruption.between(read(bar, taking.warn)),
                on_refused=taking.refuse,
                on_batch=taking.remember,
            )
        except KeyboardInterrupt:
            bar.clear()
            tell_of_interruption(f"interrupted; {how_far(taking.counts, again, taking.reached)}")
            raise typer.Exit(INTERRUPTED) from None
        except InvalidInput:
            bar.clear()
            if taking.counts.stored:
                console.note(how_far(taking.counts, again, taking.reached))
            raise
    tell_summary(taking.counts, taking.doubts, form)


def how_far(counts: "Intake", again: str, reached: str | int) -> str:
    """What stays of an intake that did not come to its end, and how to go on."""
    return f"the {counts.stored:,} stored so far stay; {again.format(reached=reached)}"


class _Taking:
    """What has been taken in so far, and what is told of it meanwhile."""

    def __init__(self, bar: Progress, form: UseFormat, on_refused: Callable[[], object]) -> None:
        from ledger.usage import Intake

        self.counts, self.doubts = Intake(), 0
        self.reached: str | int = 0
        self._bar = bar
        self._form = form
        self._on_refused = on_refused

    def warn(self, doubt: "Doubt") -> None:
        self.doubts += 1
        self._bar.say(_told(doubt.where, doubt.reason))

    def refuse(self, refusal: "Refusal") -> None:
        self._on_refused()
        self._bar.say(_told(refusal.where, refusal.reason))

    def remember(self, intake: "Intake", place: str | int) -> None:
        self.counts, self.reached = intake, place
        if self._form == "jsonl":
            tell_batch(intake, place)


def _told(where: str | int, reason: str) -> str:
    from audit_cli.reports.terminal import printable

    place = f"line {where}" if isinstance(where, int) else where
    return printable(f"{place}: {reason}")


def tell_batch(counts: "Intake", place: str | int) -> None:
    """Say in a line for machines what is on disk or refused so far, and up to where."""
    import msgspec

    console.result_line({"schema": PROGRESS_SCHEMA, "lines": place, **msgspec.structs.asdict(counts)})


def tell_summary(counts: "Intake", doubts: int, form: UseFormat) -> None:
    """Say what became of it; leaves with 1 where anything was refused."""
    import msgspec

    summary = {"schema": INTAKE_SCHEMA, **msgspec.structs.asdict(counts), "doubts": doubts}
    match form:
        case "json":
            console.result_json(summary)
        case "jsonl":
            console.result_line(summary)
        case "table":
            console.note(f"{_sentence(counts, doubts)}.")
    if counts.refused:
        raise typer.Exit(COULD_NOT)


def _sentence(counts: "Intake", doubts: int) -> str:
    """What became of it, without the sentence's end."""
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
