import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.usage_client.conftest import Open, eventually
from tests.usage_client.server import Server
from usage_client import Limits


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of a megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ("mount", "-t", "tmpfs", "-o", "size=1m", "keyledger", str(folder))
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount a small file system here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_on_a_full_disk_uses_wait_in_memory_and_none_that_was_kept_is_lost_or_doubled(
    small_disk: Path, client_of: Open, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    # given a server that is away until the disk is full, and then the memory
    server.down()
    client = client_of(spool=small_disk / "spool", limits=Limits(flush_every=0.05, memory_uses=100))
    kept = sum(client.record(key="k1", caller="x" * 400) for _ in range(4000))
    stats = client.stats()
    assert 0 < stats.waiting_in_memory <= 100
    assert stats.dropped == 4000 - kept > 0
    assert "cannot be written: No space left on device; uses wait in memory" in caplog.text

    # when it is back
    server.up()

    # then all that was kept arrives, once, and the client goes on
    assert client.flush(30)
    assert server.count == kept
    assert client.stats().damaged == 0
    eventually(lambda: client.record(key="k1") and client.stats().waiting_bytes > 0, 10)
    assert client.flush()


def test_a_client_starts_on_a_full_disk_and_reports_from_memory(
    small_disk: Path, client_of: Open, server: Server
) -> None:
    spool = small_disk / "spool"
    spool.mkdir()
    free = os.statvfs(small_disk)
    (small_disk / "filler").write_bytes(bytes(free.f_bavail * free.f_frsize))

    client = client_of(spool=spool)

    assert client.record(key="k1")
    assert client.flush()
    assert server.count == 1
