"""`keyledger.intake/1`: what became of a stream of uses."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from ledger.usage import Intake, Refusal


class RefusedLine(msgspec.Struct, frozen=True):
    """A line that was not stored, by its number from 1, and why."""

    line: int
    reason: str


class IntakeDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The counts, and of the refused lines the first; `refused` counts them all."""

    schema: Literal["keyledger.intake/1"] = "keyledger.intake/1"
    read: int
    stored: int
    duplicates: int
    refused: int
    keys_registered: int
    observations: int
    refusals: tuple[RefusedLine, ...]


def intake_document(intake: Intake, refusals: Sequence[Refusal]) -> IntakeDocument:
    """The document of what was taken in, with refusals of lines."""
    return IntakeDocument(
        **msgspec.structs.asdict(intake),
        refusals=tuple(RefusedLine(int(each.where), each.reason) for each in refusals),
    )
