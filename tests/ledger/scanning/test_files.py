"""Files and folders: what is read, what is passed over, and what is told of it."""

import os
import threading
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from ledger.errors import InvalidInput
from ledger.scanning.files import scan_files
from ledger.scanning.found import MAX_FOUND, Haul, clean
from ledger.scanning.naming import Naming
from ledger.scanning.reader import Reader
from ledger.scanning.walk import Walk
from ledger.secret import new_secret

SECRET = new_secret("kl", Random(1).randbytes).reveal()


def scanned(*paths: Path, here: Path = Path("/"), label: str | None = None) -> Haul:
    haul, naming = Haul(), Naming(str(here), label)
    scan_files(Walk(map(str, paths), haul, naming), Reader(["kl"]), haul, naming, lambda _size: None)
    return haul


def places(haul: Haul) -> list[str]:
    return sorted(str(found.place) for found in haul.found)


def put(path: Path, text: str = SECRET) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_every_file_below_a_folder_is_read_hidden_ones_too(tmp_path: Path) -> None:
    for name in ("a.py", "deep/er/b", ".env", ".config/c"):
        put(tmp_path / name)

    haul = scanned(tmp_path)

    assert places(haul) == [f"{tmp_path}/{name}:1" for name in (".config/c", ".env", "a.py", "deep/er/b")]
    assert (haul.files, haul.bytes) == (4, 4 * len(SECRET))


def test_a_path_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    file = put(tmp_path / "a")

    assert scanned(file, file).files == 1


def test_a_link_is_followed_only_where_it_is_named(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere" / "a")
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "loop").symlink_to(folder)

    inside, named = scanned(folder), scanned(folder / "link")

    assert (inside.found, inside.links) == ([], 2)
    assert places(named) == [f"{folder}/link/a:1"]


def test_a_pipe_in_a_folder_holds_nobody_up_and_a_named_one_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    assert scanned(tmp_path).files == 0
    threading.Thread(target=lambda: pipe.write_text(SECRET)).start()
    assert places(scanned(pipe)) == [f"{pipe}:1"]


def test_what_may_not_be_read_is_told_and_the_rest_is_read() -> None:
    with TemporaryDirectory() as folder:
        check_unreadable(Path(folder))


def check_unreadable(tmp_path: Path) -> None:
    put(tmp_path / "closed").chmod(0)
    put(tmp_path / "shut" / "a")
    put(tmp_path / "open")
    (tmp_path / "shut").chmod(0)
    tmp_path.chmod(0o755)

    # What root may not read, nobody may: root becomes another user for a moment.
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        haul = scanned(tmp_path)
    finally:
        if is_root:
            os.seteuid(0)
        (tmp_path / "shut").chmod(0o755)

    assert places(haul) == [f"{tmp_path}/open:1"]
    told = sorted((Path(missed.path).name, missed.reason) for missed in haul.unreadable)
    assert told == [("closed", "Permission denied"), ("shut", "Permission denied")]


def test_a_path_where_nothing_is_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nothing does not exist"):
        scanned(put(tmp_path / "a"), tmp_path / "nothing")


def test_a_label_stands_for_the_folder_so_that_another_checkout_has_the_same_places(tmp_path: Path) -> None:
    put(tmp_path / "src" / "a")

    found = scanned(tmp_path / "src", here=tmp_path, label="acme/payments")
    itself = scanned(tmp_path, here=tmp_path, label="acme/payments")

    assert places(found) == places(itself) == ["acme/payments/src/a:1"]


def test_the_name_of_a_file_cannot_steer_a_terminal_and_shows_no_secret(tmp_path: Path) -> None:
    strange = os.fsencode(tmp_path) + b"/a\n\x1b[31m\xff" + SECRET.encode()
    Path(os.fsdecode(strange)).write_text(SECRET)

    (place,) = places(scanned(tmp_path))

    assert place.isprintable()
    assert SECRET not in place
    assert place.startswith(f"{tmp_path}/a\\n\\x1b[31m\\udcffkl_")


def test_a_very_long_path_keeps_its_end() -> None:
    assert clean("x" * 5_000 + "/end").endswith("x/end")
    assert len(clean("x" * 5_000)) < 4_000


def test_of_very_many_secrets_the_first_are_kept_and_all_are_counted(tmp_path: Path) -> None:
    file = put(tmp_path / "many", f"{SECRET}\n" * (MAX_FOUND + 7))

    haul = scanned(file)

    assert (len(haul.found), haul.found_count) == (MAX_FOUND, MAX_FOUND + 7)
