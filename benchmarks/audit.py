"""How long an audit takes and how much memory, against plain SQL that writes the same keys and findings."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from benchmarks import audited, plain_audit
from benchmarks.comparison import Comparison
from benchmarks.errors import NotMeasured
from benchmarks.memory import peak_of
from benchmarks.pairing import Measured, paired
from benchmarks.site import Site
from benchmarks.traffic import NOW
from ledger.moments import format_moment

Command = Callable[[str, Path], Sequence[str]]

_FOUND = 3


class _Written(msgspec.Struct):
    keys: list[msgspec.Raw]
    findings: list[msgspec.Raw]


def _ours(address: str, output: Path) -> Sequence[str]:
    program = str(Path(sys.executable).with_name("keyledger"))
    asked = ("--as-of", format_moment(NOW), "--format", "json", "-o", str(output))
    return (program, "audit", "--ledger", address, "--as", "ada@example.com", *asked)


def _plain(address: str, output: Path) -> Sequence[str]:
    return (sys.executable, plain_audit.__file__, address, str(NOW), str(output))


def _audit(site: Site) -> Measured:
    """The processor's seconds of whole processes, less those of the same ones with nothing to audit."""
    address, empty = _ledgers(site)
    ours, theirs = site.path(), site.path()
    _run(_ours(address, ours))
    _run(_plain(address, theirs))
    _require_same(ours, theirs)

    def measured(command: Command, output: Path) -> float:
        spent = _run(command(address, output)) - _run(command(empty, output))
        return site.scale.audited_keys / spent

    return paired(
        lambda _number: measured(_ours, ours), lambda _number: measured(_plain, theirs), site.scale.audits
    )


def _memory(site: Site) -> Measured:
    address, _ = _ledgers(site)
    program = _started(_ours(address, site.path()))
    megabytes = peak_of(program)
    _require_done(program)
    return Measured(ours=megabytes)


def _ledgers(site: Site) -> tuple[str, str]:
    full, empty = site.audited(), site.ledger()
    audited.fill(empty, 0)
    return full.address, empty.address


def _run(command: Sequence[str]) -> float:
    """The processor's seconds that a program takes."""
    program = _started(command)
    _, status, usage = os.wait4(program.pid, 0)
    program.returncode = os.waitstatus_to_exitcode(status)
    _require_done(program)
    return usage.ru_utime + usage.ru_stime


def _started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - ours


def _require_done(program: subprocess.Popen[bytes]) -> None:
    if program.returncode not in {0, _FOUND}:
        raise NotMeasured(f"an audit ended with status {program.returncode}")


def _require_same(ours: Path, theirs: Path) -> None:
    documents = [msgspec.json.decode(path.read_bytes(), type=_Written) for path in (ours, theirs)]
    one, other = ([msgspec.json.decode(raw) for raw in (*each.keys, *each.findings)] for each in documents)
    if one != other:
        raise NotMeasured("the two programs do not find the same")


COMPARISONS = (
    Comparison(
        "sqlite-audit",
        "SQLite: audit --format json, 500 projected uses a key",
        "a script with plain SQL that writes the same keys and findings",
        1 / 3,
        "keys/s",
        _audit,
    ),
    Comparison("sqlite-audit-memory", "SQLite: peak memory of that audit", "", 500, "MB", _memory),
)
