"""`keyledger use append` and `keyledger check` through a server."""

import gzip
from collections.abc import Iterable, Iterator

import msgspec
import typer

from audit_cli import console
from audit_cli.check import answer, read_secret
from audit_cli.failures import INTERRUPTED, tell_of_interruption
from audit_cli.intake import how_far, tell_batch, tell_summary
from audit_cli.progress import progress
from audit_cli.remote.server import Server, ServerRefused
from audit_cli.use import AGAIN, STANDARD_INPUT, AppendOptions, lines_of, opened
from audit_cli.values import Format
from ledger.errors import InvalidInput
from ledger.intake import Flush
from ledger.usage import Intake
from ledger.verdict import Presented, Verdict
from projections.documents.intake import IntakeDocument
from projections.documents.verdict import VerdictDocument

BATCH_LINES = 1000
BATCH_BYTES = 1 << 20

_NDJSON = "application/x-ndjson"
_PACKED_FROM = 1024
_AGAIN = f"{AGAIN} (what was on its way may be stored, too: lines with an id are recognized)"


def append(server: Server, asked: AppendOptions) -> None:
    """Send lines in bodies; what a body holds is on the server's disk when it has answered."""
    asked.check()
    if asked.heartbeat:
        raise typer.BadParameter(
            "--heartbeat works on the ledger itself; services at a server declare with UsageClient"
        )
    counts, sent = Intake(), asked.skip
    with progress("reading") as bar, opened(asked.file, bar) as stream:
        lines = lines_of(stream, is_pipe=asked.file == STANDARD_INPUT, wakes=False)
        try:
            for body in _bodies(lines, asked.skip):
                told = _sent(server, body, asked.reporter)
                _tell_refusals(told, sent, len(body))
                sent += len(body)
                counts = _sum(counts, told)
                if asked.form == "jsonl":
                    tell_batch(counts, sent)
        except KeyboardInterrupt:
            bar.clear()
            tell_of_interruption(f"interrupted; {how_far(counts, _AGAIN, sent)}")
            raise typer.Exit(INTERRUPTED) from None
        except (ServerRefused, InvalidInput):
            bar.clear()
            if sent > asked.skip:
                console.note(how_far(counts, _AGAIN, sent))
            raise
    tell_summary(counts, 0, asked.form)


def _tell_refusals(told: IntakeDocument, before: int, count: int) -> None:
    for refusal in told.refusals:
        console.note(f"line {before + refusal.line}: {refusal.reason}")
    if untold := told.refused - len(told.refusals):
        these = f"lines {before + 1} to {before + count}"
        console.note(f"{these}: {untold} more refused, of which the server does not tell one by one")


def _sum(counts: Intake, told: IntakeDocument) -> Intake:
    return Intake(*(getattr(counts, name) + getattr(told, name) for name in Intake.__struct_fields__))


def check(server: Server, service: str, caller: str | None, form: Format) -> None:
    """Tell whether a secret is valid; the server records the use before it answers."""
    said = {"secret": read_secret().reveal(), **msgspec.structs.asdict(Presented(service, caller))}
    document = server.post("/v1/check", VerdictDocument, said)
    # Of the id only that there is one matters here.
    key_id = None if document.key_id is None else document.key_id.encode()
    verdict = Verdict(
        document.valid, document.reason, document.organization, key_id, document.name, document.scopes
    )
    answer(verdict, document, form)


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
    if passed < skip:
        raise InvalidInput(
            f"the input ends after line {passed}, within the {skip} lines to pass over: is it the right one?"
        )
