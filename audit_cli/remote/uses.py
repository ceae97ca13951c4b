"""`keyledger use append` and `keyledger check` through a server."""

import gzip
from collections.abc import Iterable, Iterator

import msgspec
import typer

from audit_cli import console
from audit_cli.failures import COULD_NOT
from audit_cli.intake import INTAKE_SCHEMA, PROGRESS_SCHEMA, UseFormat, summary_line
from audit_cli.remote.server import Server
from ledger.intake import Flush
from ledger.secret import Secret
from ledger.usage import Intake
from ledger.verdict import Presented, Verdict
from projections.documents.intake import IntakeDocument
from projections.documents.verdict import VerdictDocument

BATCH_LINES = 1000
BATCH_BYTES = 1 << 20

_NDJSON = "application/x-ndjson"
_PACKED_FROM = 1024


def append(
    server: Server, lines: Iterable[bytes | Flush], form: UseFormat, skip: int, reporter: str | None
) -> None:
    """Send lines in bodies; what a body holds is on the server's disk when it has answered."""
    counts, sent = Intake(), skip
    for body in _bodies(lines, skip):
        for refusal in (told := _sent(server, body, reporter)).refusals:
            console.note(f"line {sent + refusal.line}: {refusal.reason}")
        if untold := told.refused - len(told.refusals):
            these = f"lines {sent + 1} to {sent + len(body)}"
            console.note(f"{these}: {untold} more refused, of which the server does not tell one by one")
        sent += len(body)
        counts = Intake(*(getattr(counts, name) + getattr(told, name) for name in Intake.__struct_fields__))
        if form == "jsonl":
            so_far = msgspec.structs.asdict(counts)
            console.result_line({"schema": PROGRESS_SCHEMA, "lines": sent, **so_far})
    summary = {"schema": INTAKE_SCHEMA, **msgspec.structs.asdict(counts), "doubts": 0}
    match form:
        case "json":
            console.result_json(summary)
        case "jsonl":
            console.result_line(summary)
        case "table":
            console.note(f"{summary_line(counts, 0)}.")
    if counts.refused:
        raise typer.Exit(COULD_NOT)


def check(server: Server, secret: Secret, presented: Presented) -> tuple[Verdict, VerdictDocument]:
    """The verdict, and the document of it; the server records the use before it answers."""
    said = {"secret": secret.reveal(), **msgspec.structs.asdict(presented)}
    document = server.post("/v1/check", VerdictDocument, said)
    # Of the id only that there is one matters here.
    key_id = None if document.key_id is None else document.key_id.encode()
    verdict = Verdict(
        document.valid, document.reason, document.organization, key_id, document.name, document.scopes
    )
    return verdict, document


def _sent(server: Server, lines: list[bytes], reporter: str | None) -> IntakeDocument:
    body = b"\n".join([*(_reported(line, reporter) for line in lines), b""])
    packed = gzip.compress(body, 1) if len(body) >= _PACKED_FROM else body
    headers = {} if packed is body else {"Content-Encoding": "gzip"}
    return server.decoded(server.ask("POST", "/v1/uses", packed, _NDJSON, headers), IntakeDocument)


def _reported(line: bytes, reporter: str | None) -> bytes:
    """The line, with who reports it where it does not say so; what is no object is left to be refused."""
    if reporter is None:
        return line
    try:
        use = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return line
    if "reporter" in use:
        return line
    return msgspec.json.encode({**use, "reporter": reporter})


def _bodies(lines: Iterable[bytes | Flush], skip: int) -> Iterator[list[bytes]]:
    """Lines in bodies of bounded size; a pipe that rests ends one."""
    body: list[bytes] = []
    size = passed = 0
    for line in lines:
        if line is not Flush.NOW:
            passed += 1
            if passed <= skip:
                continue
            body.append(line.rstrip(b"\r\n"))
            size += len(line)
        if body and (line is Flush.NOW or len(body) == BATCH_LINES or size >= BATCH_BYTES):
            yield body
            body, size = [], 0
    if body:
        yield body
