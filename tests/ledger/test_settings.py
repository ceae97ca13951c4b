from pathlib import Path

import pytest

from ledger.errors import InvalidInput
from ledger.settings import Settings, load_peppers, load_settings

PEPPER = "ab" * 32


def settings(flags: dict[str, str | None], environ: dict[str, str], *files: Path) -> Settings:
    return load_settings(flags, environ, files, "/data/ledger.db")


def test_what_nobody_says_is_the_default() -> None:
    assert settings({}, {}, Path("/no/such/file")) == Settings("/data/ledger.db")


def test_a_flag_goes_before_a_variable_before_the_files_in_their_order(tmp_path: Path) -> None:
    near, far = tmp_path / "near.toml", tmp_path / "far.toml"
    near.write_text('actor = "near"\norg = "near"\n')
    far.write_text('actor = "far"\nurl = "sqlite:///far.db"\n')

    found = settings({"org": None}, {"KEYLEDGER_ACTOR": ""}, near, far)

    assert found == Settings("sqlite:///far.db", "near", "near", names_ledger=True)
    assert settings({"org": "flag"}, {"KEYLEDGER_ORG": "variable"}, near).org == "flag"
    assert settings({"org": None}, {"KEYLEDGER_ORG": "variable"}, near).org == "variable"


def test_of_a_ledger_and_a_server_the_one_that_is_named_nearer_is_meant(tmp_path: Path) -> None:
    file = tmp_path / "keyledger.toml"
    file.write_text('server = "https://keys.example.com"\n')

    at_server = settings({}, {}, file)
    at_ledger = settings({}, {"KEYLEDGER_URL": "here.db"}, file)

    assert (at_server.server, at_server.names_ledger) == ("https://keys.example.com", False)
    assert (at_ledger.server, at_ledger.url, at_ledger.names_ledger) == (None, "here.db", True)
    beside = settings({"server": "https://keys.example.com"}, {"KEYLEDGER_URL": "here.db"})
    assert (beside.server, beside.url, beside.names_ledger) == ("https://keys.example.com", "here.db", False)
    with pytest.raises(InvalidInput, match="both a ledger and a server"):
        settings({"url": "here.db", "server": "https://keys.example.com"}, {})


def test_relative_paths_begin_at_the_file_that_says_them(tmp_path: Path) -> None:
    file = tmp_path / "keyledger.toml"
    file.write_text('url = "books/ledger.db"\npepper_file = "peppers.toml"\n')

    found = settings({}, {}, file)

    assert found.url == str(tmp_path / "books" / "ledger.db")
    assert found.pepper_file == tmp_path / "peppers.toml"


@pytest.mark.parametrize(
    ("said", "is_file"),
    [("strict.toml", True), ("policies/strict.toml", True), ("policies/strict", True), ("cis-aws", False)],
)
def test_a_policy_is_a_file_beside_the_settings_or_a_packs_name(
    said: str, is_file: bool, tmp_path: Path
) -> None:
    file = tmp_path / "keyledger.toml"
    file.write_text(f'policy = "{said}"\n')

    assert settings({}, {}, file).policy == (str(tmp_path / said) if is_file else said)
    assert settings({}, {"KEYLEDGER_POLICY": said}, Path("/no/such/file")).policy == said


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"url = ", "is not TOML"),
        (b"\xff", "is not UTF-8"),
        (b"uri = 'x'", "no setting 'uri'"),
        (b"url = 3", "must be a text"),
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "keyledger.toml"
    file.write_bytes(content)

    with pytest.raises(InvalidInput, match=reason):
        settings({}, {}, file)


def pepper_file(folder: Path, content: str, rights: int = 0o600) -> Path:
    path = folder / "peppers.toml"
    path.write_text(content)
    path.chmod(rights)
    return path


def test_peppers_are_read_with_the_current_one_and_the_retired_ones(tmp_path: Path) -> None:
    content = f'current = "2026"\n[keys]\n2026 = "{PEPPER}"\n2025 = "{"cd" * 40}"\n'

    peppers = load_peppers(pepper_file(tmp_path, content))

    assert peppers.current == "2026"
    assert peppers.keys == {"2026": b"\xab" * 32, "2025": b"\xcd" * 40}


@pytest.mark.parametrize(
    "content",
    [
        "",
        'current = "2026"',
        "[keys]",
        f'current = "2027"\n[keys]\n2026 = "{PEPPER}"',
        f'current = ["2026"]\n[keys]\n2026 = "{PEPPER}"',
        f'current = 2026\n[keys]\n2026 = "{PEPPER}"',
        f'extra = 1\n[keys]\n2026 = "{PEPPER}"',
        f'[keys]\n2026 = "{PEPPER[:60]}"',
        f'[keys]\n2026 = "{PEPPER[:-1]}x"',
        "[keys]\n2026 = 12",
        f"[keys]\n2026 = {PEPPER}",
    ],
)
def test_a_pepper_file_that_cannot_be_right_is_refused_without_quoting_it(
    tmp_path: Path, content: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        load_peppers(pepper_file(tmp_path, content))

    assert PEPPER[:8] not in str(refused.value)


def test_a_pepper_file_is_read_as_systemd_hands_it_over(tmp_path: Path) -> None:
    # LoadCredential gives 0400 and the user a right by an access list, whose mask shows as the group's.
    handed = pepper_file(tmp_path, f'[keys]\n2026 = "{PEPPER}"', 0o440)

    assert load_peppers(handed).keys == {"2026": b"\xab" * 32}


def test_a_pepper_file_that_is_open_to_others_or_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for rights in (0o604, 0o620):
        with pytest.raises(InvalidInput, match="chmod 600"):
            load_peppers(pepper_file(tmp_path, f'[keys]\n2026 = "{PEPPER}"', rights))
    with pytest.raises(InvalidInput, match="cannot be read"):
        load_peppers(tmp_path / "nowhere.toml")


def test_a_settings_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "peppers.toml"
    folder.mkdir(mode=0o700)

    with pytest.raises(InvalidInput, match="Is a directory"):
        load_peppers(folder)
