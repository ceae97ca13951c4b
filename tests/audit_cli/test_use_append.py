"""A producer on a pipe hears what is on disk, and resumes after it."""

import gzip
import json
import signal
import subprocess
from pathlib import Path
from typing import IO, Any, cast

from tests.door import Door

PATIENCE_S = 30


def use(number: int) -> str:
    at = f"2024-05-31T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z"
    return json.dumps({"key": "ci", "service": "deploy", "occurred_at": at}) + "\n"


def stored(door: Door) -> int:
    text = door.well("events").out
    return sum(json.loads(line)["topic"] == "key-used/1" for line in text.splitlines())


def started(door: Door, *options: str) -> subprocess.Popen[bytes]:
    return door.start("use", "append", "--format", "jsonl", *options, stdin=subprocess.PIPE)


def say(process: subprocess.Popen[bytes], text: str) -> None:
    stdin = cast("IO[bytes]", process.stdin)
    stdin.write(text.encode())
    stdin.flush()


def heard(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(cast("IO[bytes]", process.stdout).readline())
    return line


def test_what_a_slow_producer_said_is_on_disk_and_acknowledged_while_the_pipe_is_open(
    keyledger: Door,
) -> None:
    keyledger.create("ci")
    with started(keyledger) as process:
        say(process, use(1) + "garbage\n" + use(2))
        first = heard(process)
        on_disk = stored(keyledger)
        say(process, "\n" + use(3))
        second = heard(process)
        out, err = process.communicate(timeout=PATIENCE_S)

    assert (first["schema"], first["lines"]) == ("keyledger.intake-progress/1", 3)
    assert (first["stored"], first["refused"], on_disk) == (2, 1, 2)
    assert (second["lines"], second["stored"]) == (5, 3)
    assert (json.loads(out)["schema"], process.returncode) == ("keyledger.intake/1", 1)
    assert err.startswith(b"line 2: ")


def test_a_full_batch_is_acknowledged_though_nothing_follows_it(keyledger: Door) -> None:
    keyledger.create("ci")
    with started(keyledger) as process:
        say(process, "".join(map(use, range(1000))))
        acknowledged = heard(process)["lines"]
        process.communicate(timeout=PATIENCE_S)

    assert acknowledged == 1000


def test_a_producer_that_resumes_after_what_was_acknowledged_stores_each_line_once(keyledger: Door) -> None:
    keyledger.create("ci")
    lines = list(map(use, range(1500)))
    with started(keyledger) as process:
        say(process, "".join(lines[:700]))
        acknowledged = heard(process)["lines"]
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=PATIENCE_S)

    with started(keyledger, "--skip", str(acknowledged)) as process:
        out, _ = process.communicate("".join(lines).encode(), timeout=PATIENCE_S)

    assert 0 < acknowledged <= 700
    assert stored(keyledger) == 1500
    assert [json.loads(line).get("lines") for line in out.splitlines()][-2:] == [1500, None]


def test_an_interrupted_producer_is_told_where_to_go_on(keyledger: Door) -> None:
    keyledger.create("ci")
    with started(keyledger) as process:
        say(process, use(1) + use(2))
        heard(process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 130
    assert err.decode() == "keyledger: interrupted; the 2 stored so far stay; go on with --skip 2\n"


def test_a_number_of_lines_that_cannot_be_is_wrong_usage(keyledger: Door) -> None:
    assert keyledger("use", "append", "--skip", "-1").status == 2


def test_lines_to_pass_over_that_are_not_there_are_told(keyledger: Door) -> None:
    keyledger.create("ci")

    short = keyledger("use", "append", "--skip", "3", stdin=use(1) + use(2))

    assert (short.status, stored(keyledger)) == (1, 0)
    assert "ends after line 2, within the 3 lines to pass over" in short.err
    keyledger.well("use", "append", "--skip", "2", stdin=use(1) + use(2))


def test_a_gzip_file_that_is_cut_short_is_told_with_how_far_it_came(keyledger: Door, tmp_path: Path) -> None:
    keyledger.create("ci")
    whole = gzip.compress("".join(map(use, range(2_500))).encode())
    file = tmp_path / "uses.gz"
    file.write_bytes(whole[:-12])

    cut = keyledger("use", "append", str(file))

    said, why = cut.err.splitlines()
    number = stored(keyledger)
    assert said == f"the {number:,} stored so far stay; go on with --skip {number}"
    assert why == "keyledger: the gzip file is cut short; fetch it again"
    assert (cut.status, number > 0) == (1, True)
