"""How long a check takes beside other libraries for API keys, in process, on SQLite files."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Protocol

from benchmarks.comparison import Comparison
from benchmarks.errors import NotMeasured
from benchmarks.pairing import Measured, paired, rate
from benchmarks.site import Site
from benchmarks.subject import Subject
from ledger.key_terms import NewKey
from ledger.secret import Secret
from ledger.verdict import Answer, Presented

HERE = Presented("payments", "web-1", None, "192.0.2.7", "curl/8.5.0")
WAITING = 16
# Of the checks that the ledger answers a peer answers fewer, which takes about as long.
_SHARE = 50
_SHARE_OF_SLOW = 1_000


class Library(Protocol):
    """A peer with keys in a file of its own."""

    def check(self, number: int) -> bool:
        """Whether the key of that number is valid."""


class RestFramework:
    """djangorestframework-api-key: a model of Django's, looked up and hashed. It records nothing."""

    def __init__(self, path: Path, count: int) -> None:
        import django  # noqa: PLC0415 - only what is measured
        from django.conf import settings  # noqa: PLC0415 - as above

        if not settings.configured:
            settings.configure(
                DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}},
                INSTALLED_APPS=["rest_framework_api_key"],
                USE_TZ=True,
            )
            django.setup()
        from django.db import connections  # noqa: PLC0415 - as above

        connections.databases["default"]["NAME"] = str(path)
        connections["default"].close()
        connections["default"].settings_dict["NAME"] = str(path)
        from django.core.management import call_command  # noqa: PLC0415 - as above
        from rest_framework_api_key.models import APIKey  # noqa: PLC0415 - as above

        call_command("migrate", verbosity=0)
        self._keys: Any = APIKey.objects
        self._secrets = [self._keys.create_key(name=f"key-{n}")[1] for n in range(count)]

    def check(self, number: int) -> bool:
        return bool(self._keys.is_valid(self._secrets[number % len(self._secrets)]))


class Keygate:
    """fastapi-keygate: a row by the key's prefix, and SHA-256. Its log of requests is left out."""

    def __init__(self, path: Path, count: int) -> None:
        from keygate import KeyGate  # noqa: PLC0415 - only what is measured

        self._gate: Any = KeyGate(db_url=f"sqlite:///{path}", default_per_minute=None)
        self._secrets = [self._gate.create_key("acme", name=f"key-{n}").key for n in range(count)]

    def check(self, number: int) -> bool:
        return self._gate._lookup(self._secrets[number % len(self._secrets)]) is not None  # noqa: SLF001 - without HTTP


class Keyshield:
    """keyshield as it is shipped: Argon2 behind a cache in memory, and a random delay before each answer."""

    def __init__(self, _path: Path, count: int) -> None:
        from keyshield.hasher.argon2 import Argon2ApiKeyHasher  # noqa: PLC0415 - only what is measured
        from keyshield.repositories.in_memory import InMemoryApiKeyRepository  # noqa: PLC0415 - as above
        from keyshield.services.cached import CachedApiKeyService  # noqa: PLC0415 - as above

        self._loop = asyncio.new_event_loop()
        self._service: Any = CachedApiKeyService(
            repo=InMemoryApiKeyRepository(), hasher=Argon2ApiKeyHasher(pepper="benchmark")
        )
        made = [
            self._loop.run_until_complete(self._service.create(name=f"key-{n}")) for n in range(min(count, 4))
        ]
        self._secrets = [secret for _, secret in made]

    def _made(self, name: str) -> str:
        _, secret = self._loop.run_until_complete(self._service.create(name=name))
        return str(secret)

    def check(self, number: int) -> bool:
        secret = self._secrets[number % len(self._secrets)]
        return self._loop.run_until_complete(self._service.verify_key(secret)) is not None


def _beside(
    library: type[Any], measure: Callable[[Subject, Sequence[Secret]], object]
) -> Callable[[Site], Measured]:
    def measured(site: Site) -> Measured:
        count, checks = site.scale.minted_keys, site.scale.checks
        try:
            peer: Library = library(site.path(), count)
        except ModuleNotFoundError as error:
            raise NotMeasured(f"{error.name} is not installed; it is in the extra `bench`") from None
        subject = site.ledger()
        secrets = [
            subject.ledger.create_key(subject.organization, subject.actor, NewKey(f"key-{n}")).secret
            for n in range(count)
        ]
        asked = [secrets[n % count] for n in range(checks)]
        fewer = max(1, checks // (_SHARE_OF_SLOW if library is Keyshield else _SHARE))
        return paired(
            lambda _n: rate(checks, partial(measure, subject, asked)),
            lambda _n: rate(fewer, partial(_check_peer, peer, fewer)),
            site.scale.rounds,
        )

    return measured


def _check_peer(peer: Library, count: int) -> None:
    for number in range(count):
        if not peer.check(number):
            raise NotMeasured("a key of a peer that was just made is not valid")


def _look(subject: Subject, secrets: Sequence[Secret]) -> None:
    for secret in secrets:
        if not subject.ledger.check(secret).valid:
            raise NotMeasured("a key that was just made is not valid")


class _Crowd:
    """So many that ask at once, each again as soon as it is answered."""

    def __init__(self, subject: Subject, secrets: Sequence[Secret]) -> None:
        self._secrets = iter(secrets)
        self._left = len(secrets)
        self._done = Event()
        self._fault: object = None
        self._checker = subject.ledger.checker(self._deliver)

    def run(self) -> None:
        for _ in range(WAITING):
            self._ask()
        self._done.wait()
        self._checker.close()
        if self._fault is not None:
            raise NotMeasured(f"a check came to {self._fault}")

    def _ask(self) -> None:
        secret = next(self._secrets, None)
        if secret is not None:
            self._checker.ask(secret, HERE, None)

    def _deliver(self, answers: Sequence[tuple[None, Answer | Exception]]) -> None:
        for _, answer in answers:
            if isinstance(answer, Exception) or not answer.verdict.valid:
                self._fault = answer
            self._ask()
        self._left -= len(answers)
        if self._left <= 0:
            self._done.set()


def _record(subject: Subject, secrets: Sequence[Secret]) -> None:
    _Crowd(subject, secrets).run()


_PEERS: tuple[tuple[str, str, type[Any]], ...] = (
    ("rest-framework", "djangorestframework-api-key, which records nothing", RestFramework),
    ("keygate", "fastapi-keygate without its request log", Keygate),
    ("keyshield", "keyshield as shipped, with its cache in memory", Keyshield),
)
_UNRECORDED = "SQLite: Ledger.check of a secret, without recording"
_RECORDED = "SQLite: checks recorded durably, 16 at once"

COMPARISONS = (
    *(
        Comparison(f"check-{name}", _UNRECORDED, against, 5, "checks/s", _beside(library, _look))
        for name, against, library in _PEERS
    ),
    *(
        Comparison(f"recorded-check-{name}", _RECORDED, against, 1, "checks/s", _beside(library, _record))
        for name, against, library in _PEERS
    ),
)
