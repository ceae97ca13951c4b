"""The history of real repositories, made by git itself."""

import os
import subprocess
from pathlib import Path
from random import Random

import pytest

from ledger.scanning.found import Haul
from ledger.scanning.history import History
from ledger.scanning.naming import Naming
from ledger.scanning.reader import Reader
from ledger.scanning.walk import Walk
from ledger.secret import new_secret

SECRETS = [new_secret("kl", Random(seed).randbytes).reveal() for seed in range(6)]
WHO = {f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


class Repository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        environment = os.environ | WHO | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        return subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *arguments],
            cwd=self.folder,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def commit(self, path: str, text: str, message: str = "change") -> str:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-qm", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "payments")


def scanned(folder: Path, environ: dict[str, str] | None = None) -> Haul:
    haul, naming = Haul(), Naming("/")
    walk = Walk([str(folder)], haul, naming)
    list(walk.files())
    assert walk.git_folders
    for git_folder in walk.git_folders:
        History(git_folder, dict(os.environ) | (environ or {}), naming).scan(
            Reader(["kl"]), haul, lambda _count: None
        )
    return haul


def told(haul: Haul) -> set[tuple[str, str | None, str, int]]:
    return {
        (each.secret.reveal(), each.place.commit, each.place.path, each.place.line) for each in haul.found
    }


def test_a_deleted_line_is_found_with_the_commit_the_path_and_the_line(repository: Repository) -> None:
    repository.commit("README", "hello")
    guilty = repository.commit("deploy/a b.yaml", f"x\ny: {SECRETS[0]}\n")
    repository.commit("deploy/a b.yaml", "x\n")

    haul = scanned(repository.folder)

    assert told(haul) == {(SECRETS[0], guilty, "deploy/a b.yaml", 2)}
    (found,) = haul.found
    assert str(found.place) == f"{repository.folder}@{guilty[:12]}:deploy/a b.yaml:2"


def test_whatever_leads_to_it_it_is_found_branch_tag_stash_or_nothing_any_more(
    repository: Repository,
) -> None:
    repository.commit("a", "clean")
    repository.git("checkout", "-qb", "side")
    side = repository.commit("a", SECRETS[0])
    repository.git("checkout", "-q", "--detach", "main")
    tagged = repository.commit("a", SECRETS[1])
    repository.git("tag", "v1")
    repository.git("checkout", "-q", "main")
    (repository.folder / "a").write_text(SECRETS[2])
    repository.git("stash", "-q")
    stashed = repository.git("rev-parse", "stash")
    repository.commit("lost", SECRETS[3])
    repository.git("reset", "-q", "--hard", "HEAD~1")

    found = told(scanned(repository.folder))

    assert {each[:3] for each in found if each[0] != SECRETS[3]} == {
        (SECRETS[0], side, "a"),
        (SECRETS[1], tagged, "a"),
        (SECRETS[2], stashed, "a"),
    }
    ((_, commit, path, _),) = [each for each in found if each[0] == SECRETS[3]]
    assert commit is None
    assert path.startswith("(blob ")


def test_the_texts_of_commits_and_tags_are_read_too(repository: Repository) -> None:
    commit = repository.commit("a", "x", message=f"use {SECRETS[0]}")
    repository.git("tag", "-a", "v1", "-m", f"with {SECRETS[1]}")

    found = told(scanned(repository.folder))

    assert (SECRETS[0], commit, "(commit)", 5) in found
    assert [path[:5] for secret, _, path, _ in found if secret == SECRETS[1]] == ["(tag "]


def test_each_object_is_read_once_and_told_by_its_first_commit(repository: Repository) -> None:
    first = repository.commit("a", SECRETS[0])
    repository.commit("copy", SECRETS[0])
    repository.commit("a", "gone")
    repository.commit("a", SECRETS[0])

    assert told(scanned(repository.folder)) == {(SECRETS[0], first, "a", 1)}


def test_a_secret_that_came_with_a_merge_is_found(repository: Repository) -> None:
    repository.commit("a", "1\n")
    repository.git("checkout", "-qb", "side")
    repository.commit("b", "2\n")
    repository.git("checkout", "-q", "main")
    repository.commit("c", "3\n")
    repository.git("merge", "-q", "--no-commit", "side")
    merged = repository.commit("evil", SECRETS[0])

    assert told(scanned(repository.folder)) == {(SECRETS[0], merged, "evil", 1)}


@pytest.mark.parametrize("kind", ["packed", "bare", "worktree", "submodule"])
def test_a_repository_of_any_build_is_read(repository: Repository, tmp_path: Path, kind: str) -> None:
    guilty = repository.commit("a", SECRETS[0])
    repository.commit("a", "clean")
    folder = repository.folder
    match kind:
        case "packed":
            repository.git("gc", "-q")
        case "bare":
            folder = tmp_path / "mirror.git"
            repository.git("clone", "-q", "--bare", ".", str(folder))
        case "worktree":
            folder = tmp_path / "tree"
            repository.git("worktree", "add", "-q", "--detach", str(folder))
        case _:
            outer = Repository(tmp_path / "outer")
            outer.git("submodule", "-q", "add", str(repository.folder), "inner")
            folder = outer.folder

    assert told(scanned(folder)) == {(SECRETS[0], guilty, "a", 1)}


def test_a_hook_that_starts_the_scan_does_not_lead_git_astray(repository: Repository, tmp_path: Path) -> None:
    guilty = repository.commit("a", SECRETS[0])
    other = Repository(tmp_path / "other")

    found = told(scanned(repository.folder, {"GIT_DIR": str(other.folder / ".git"), "GIT_INDEX_FILE": "x"}))

    assert found == {(SECRETS[0], guilty, "a", 1)}


def test_a_repository_cannot_have_anything_run(repository: Repository, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    repository.commit(".gitattributes", "* diff=evil")
    repository.commit("a", SECRETS[0])
    for setting in (
        "core.fsmonitor",
        "diff.evil.textconv",
        "diff.evil.command",
        "core.pager",
        "diff.external",
    ):
        repository.git("config", setting, f"touch {mark}; true")

    assert scanned(repository.folder).found
    assert not mark.exists()


def test_a_damaged_repository_is_told_in_one_line(repository: Repository) -> None:
    repository.commit("a", SECRETS[0])
    (repository.folder / ".git" / "HEAD").write_text("garbage\n")

    with pytest.raises(OSError, match=r"git cat-file could not: fatal: .+") as refused:
        scanned(repository.folder)
    assert "\n" not in str(refused.value)


def test_a_large_blob_is_searched_to_its_end(repository: Repository) -> None:
    guilty = repository.commit("big", "lorem ipsum\n" * 50_000 + SECRETS[0])

    assert told(scanned(repository.folder)) == {(SECRETS[0], guilty, "big", 50_001)}


def test_a_history_that_lacks_an_object_is_read_as_far_as_it_goes(repository: Repository) -> None:
    guilty = repository.commit("a", SECRETS[0])
    repository.commit("b", "other")
    lost = repository.git("rev-parse", "HEAD:b")
    (repository.folder / ".git" / "objects" / lost[:2] / lost[2:]).unlink()

    assert told(scanned(repository.folder)) == {(SECRETS[0], guilty, "a", 1)}


def test_what_was_found_is_kept_where_git_fails_afterwards(repository: Repository) -> None:
    repository.commit("a", SECRETS[0])
    repository.commit("a", "clean")
    (repository.folder / ".git" / "refs" / "heads" / "broken").write_text("1" * 40 + "\n")
    haul, naming = Haul(), Naming("/")

    with pytest.raises(OSError, match="git rev-list could not"):
        History(str(repository.folder / ".git"), os.environ, naming).scan(
            Reader(["kl"]), haul, lambda _count: None
        )

    assert [(secret, commit) for secret, commit, _, _ in told(haul)] == [(SECRETS[0], None)]
