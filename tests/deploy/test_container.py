"""The container and compose files, without an engine: schemas, and that all that they name is there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from http_api.settings import DEFAULT_PORT, Limits
from ledger.settings import NAMES, load_peppers
from tests.door import Door
from tests.http_api.process import free_port, serving
from tests.place import SERVER, Place
from tests.programs import installed
from tests.test_project import PROJECT

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = DEPLOY / "Dockerfile"
COMPOSE = DEPLOY / "compose.yaml"
LOCAL = pytest.mark.sqlite_only(reason="it is about the command, whichever database is behind")


def instructions(name: str) -> list[str]:
    """What stands behind the instructions of a name, continued lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [" ".join(found.split()) for found in re.findall(rf"^\s*{name} (.+)$", text, re.MULTILINE)]


def copied() -> list[str]:
    """What is taken from the repository."""
    return [path for said in instructions("COPY") if not said.startswith("--") for path in said.split()[:-1]]


def composed() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return found


def healthchecks() -> dict[str, list[str]]:
    """The commands that ask the server whether it lives, by where they stand."""
    (image,) = [said.partition("CMD ")[2] for said in instructions("HEALTHCHECK")]
    return {
        "image": json.loads(image),
        "compose": composed()["services"]["keyledger"]["healthcheck"]["test"][1:],
    }


def test_what_the_image_is_made_of_is_in_the_repository_and_nothing_else_is_sent() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    sent = [line.removeprefix("!") for line in ignored if line.startswith("!")]

    assert [path for path in copied() if not (ROOT / path).exists()] == []
    assert sorted(sent) == sorted(copied())
    assert set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) <= set(copied())
    assert ignored[0] == "*"


def test_the_image_installs_nothing_that_no_hash_vouches_for_and_runs_as_nobody_in_particular() -> None:
    installs = [
        part
        for run in instructions("RUN")
        for part in run.split("&&")
        if " install " in part and "pip" in part
    ]

    assert len(installs) == 3
    for install in installs:
        assert "--require-hashes" in install or "--no-index" in install
    assert instructions("USER") == ["10001:10001"]
    assert instructions("FROM")[-1] == "${PYTHON}"
    assert str(DEFAULT_PORT) in instructions("EXPOSE")


def test_the_command_of_the_image_exists(empty: Door) -> None:
    (entry,) = instructions("ENTRYPOINT")
    command = json.loads(instructions("CMD")[-1])

    assert json.loads(entry) == ["keyledger"]
    empty.well(*command, "--help")


@LOCAL
@pytest.mark.parametrize("where", ["image", "compose"])
def test_a_container_is_healthy_while_its_server_serves(keyledger: Door, where: str) -> None:
    port = free_port()
    program, *arguments = [part.replace(str(DEFAULT_PORT), str(port)) for part in healthchecks()[where]]

    def healthy() -> bool:
        ended = subprocess.run([sys.executable, *arguments], capture_output=True, check=False, timeout=30)
        return ended.returncode == 0

    assert program == "python"
    assert not healthy()
    with serving(keyledger, port=port):
        assert healthy()


def test_the_compose_file_is_what_its_published_schema_asks_for() -> None:
    asked = ("-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE))
    answer = subprocess.run([sys.executable, *asked], capture_output=True, text=True, check=False)

    assert answer.returncode == 0, answer.stdout


def test_what_the_compose_file_names_is_there() -> None:
    compose = composed()
    services = compose["services"]

    for service in services.values():
        for secret in service.get("secrets", ()):
            assert (secret if isinstance(secret, str) else secret["source"]) in compose["secrets"]
        for config in service.get("configs", ()):
            assert config["source"] in compose["configs"]
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in compose["volumes"] or (DEPLOY / source).is_file()
        assert set(service["networks"]) <= set(compose["networks"])
    assert (DEPLOY / services["keyledger"]["build"]["dockerfile"].removeprefix("deploy/")).samefile(
        DOCKERFILE
    )


def test_the_commands_and_settings_of_the_compose_file_exist(empty: Door) -> None:
    services = composed()["services"]
    server = services["keyledger"]
    known = {f"KEYLEDGER_{name.upper()}" for name in NAMES} | {"PGPASSFILE"}

    empty.well(*server["command"], "--help")
    for name in ("keyledger", "owner"):
        assert set(services[name]["environment"]) <= known
    assert int(server["stop_grace_period"].removesuffix("s")) > Limits().shutdown_s


def test_nobody_but_nginx_is_reached_from_outside_and_the_server_may_write_nothing() -> None:
    compose = composed()
    services = compose["services"]

    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]
    assert services["nginx"]["networks"] == ["front"]
    assert services["postgres"]["networks"] == ["database"]
    assert compose["networks"]["database"]["internal"] is True
    for name in ("keyledger", "owner", "nginx"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    # Only the proxy's network is believed.
    subnet = compose["networks"]["front"]["ipam"]["config"][0]["subnet"]
    command = services["keyledger"]["command"]
    assert command[command.index("--proxy") + 1] == subnet


def test_no_service_but_the_owner_has_the_owners_password_when_the_database_is_made() -> None:
    services = composed()["services"]

    holders = {name for name, service in services.items() if "owner-pgpass" in service.get("secrets", ())}
    urls = {name: services[name]["environment"]["KEYLEDGER_URL"] for name in ("keyledger", "owner")}

    assert holders == {"owner"}
    assert "keyledger_app@" in urls["keyledger"]
    assert "keyledger_owner@" in urls["owner"]
    assert not any(re.search(r"://[^@/]*:", url) for url in urls.values())


def test_the_guide_to_compose_makes_every_secret_in_the_form_in_which_it_is_read(tmp_path: Path) -> None:
    guide = (DEPLOY / "README.md").read_text()
    (block,) = [
        block for block in re.findall(r"```sh\n(.*?)```", guide, re.DOTALL) if "compose/secrets" in block
    ]
    # Only root gives files away.
    script = re.sub(r"^chown .*$", "", block, flags=re.MULTILINE)
    (tmp_path / "compose").mkdir()

    subprocess.run(["bash", "-euc", script], cwd=tmp_path, check=True)

    made = {path.name: path for path in (tmp_path / "compose" / "secrets").iterdir()}
    assert set(composed()["secrets"]) - set(made) == {"certificate.pem", "certificate-key.pem"}
    assert load_peppers(made["peppers.toml"]).current == "1"
    for role in ("owner", "app"):
        password = made[f"{role}-password"].read_text().strip()
        assert made[f"{role}-pgpass"].read_text() == f"postgres:5432:keyledger:keyledger_{role}:{password}\n"
        assert made[f"{role}-pgpass"].stat().st_mode & 0o777 == 0o600


def test_psql_reads_the_passwords_from_files(tmp_path: Path) -> None:
    """As the image of PostgreSQL does, but in a transaction that is taken back."""
    Place("postgresql")
    psql = installed("psql", "postgresql-client")
    for role in ("owner", "app"):
        (tmp_path / f"{role}-password").write_text(f"{role}'s password\n")
    script = (DEPLOY / "compose" / "passwords.sql").read_text().replace("/run/secrets", str(tmp_path))
    script = re.sub(r"\bkeyledger_(owner|app)\b", rf"keyledger_test_\1_{os.getpid()}", script)
    roles = "".join(f"CREATE ROLE keyledger_test_{role}_{os.getpid()};" for role in ("owner", "app"))
    read = (
        "SELECT count(*) FROM pg_authid WHERE rolname LIKE 'keyledger_test_%' AND rolpassword LIKE 'SCRAM%'"
    )

    ended = subprocess.run(
        [psql, "-X", "-At", "-q", "-v", "ON_ERROR_STOP=1", "-d", libpq(SERVER)],
        input=f"BEGIN; {roles}\n{script}\n{read}; ROLLBACK;",
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout.strip()) == (0, "2"), ended.stderr


def libpq(address: str) -> str:
    """An address as PostgreSQL's own programs take it."""
    return address.replace("+psycopg", "")
