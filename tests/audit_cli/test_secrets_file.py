import json
import stat
from pathlib import Path

import pytest

from audit_cli.secrets_file import SecretsFile
from ledger.errors import LedgerUnavailable
from ledger.key_terms import CreatedKey
from ledger.secret import new_secret


def created(number: int) -> CreatedKey:
    return CreatedKey(
        "acme", bytes([number]) * 16, f"worker-{number}", new_secret("kl", lambda n: bytes([number]) * n)
    )


def names(path: Path) -> list[str]:
    return [json.loads(line)["name"] for line in path.read_text().splitlines()]


def test_a_secret_is_in_its_owners_file_before_its_key_is_there(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"

    with SecretsFile(path) as file:
        file.keep(created(1))

        assert names(path) == ["worker-1"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_secret_of_a_key_that_was_refused_is_taken_out_again(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"

    with SecretsFile(path) as file:
        for number in range(1, 5):
            file.keep(created(number))
            if number % 2:
                file.settle()
            else:
                file.forget()

    assert names(path) == ["worker-1", "worker-3"]


def test_of_a_key_that_may_be_there_the_secret_stays(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"

    with SecretsFile(path) as file:
        file.keep(created(1))

    assert names(path) == ["worker-1"]


def test_a_file_without_a_secret_does_not_stay(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"

    with SecretsFile(path):
        pass

    assert not path.exists()


@pytest.mark.parametrize("name", ["there.jsonl", "link.jsonl", "/dev/stdout", "/dev/null", "nowhere/s.jsonl"])
def test_secrets_go_to_a_new_file_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / "there.jsonl").write_text("precious")
    (tmp_path / "link.jsonl").symlink_to("there.jsonl")

    with pytest.raises(LedgerUnavailable):
        SecretsFile(tmp_path / name)

    assert (tmp_path / "there.jsonl").read_text() == "precious"
