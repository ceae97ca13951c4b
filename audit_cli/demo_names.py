"""Who and what there is in the demonstration's organization: people, workloads, addresses, agents."""

from collections.abc import Iterator
from itertools import product
from random import Random

import msgspec

ORGANIZATION = "northwind"
FOUNDER = "maya@northwind.example"
SECOND_ADMIN = "tomas@northwind.example"
MEMBERS = (
    "aiko@northwind.example",
    "bruno@northwind.example",
    "chidi@northwind.example",
    "dana@northwind.example",
    "elif@northwind.example",
)
LEAVERS = ("felix@northwind.example", "greta@northwind.example")
TEAMS = ("team checkout", "team platform", "team data", "team logistics", "team growth", "team security")

VAGUE_NAMES = ("test", "key1", "tmp", "my-key", "asdf", "new-key", "foo", "temp-token")

AWS_ACCOUNT = "123456789012"
AWS_SERVICES = ("s3.amazonaws.com", "ec2.amazonaws.com", "sts.amazonaws.com", "dynamodb.amazonaws.com")
AWS_AGENT = "aws-cli/2.17.9 md/awscrt#0.20.11 ua/2.0 os/linux#6.1.0 lang/python#3.11.9"

_SYSTEMS = (
    *("analytics", "backup", "billing", "catalog", "cdn", "checkout", "crm", "data-lake", "fraud", "github"),
    *("grafana", "invoices", "loyalty", "mobile", "newsletter", "partner", "payroll", "returns", "search"),
    *("shipping", "sso", "status-page", "support", "warehouse"),
)
_PURPOSES = ("deploy", "export", "ingest", "reader", "reports", "sync", "webhook", "worker")
_PLACES = ("eu", "prod", "staging", "us")
_SERVICES = (
    *("customers-api", "documents-api", "events-api", "inventory-api", "metrics-api", "orders-api"),
    *("payments-api", "search-api"),
)
_AGENTS = (
    *("python-requests/2.32.3", "okhttp/4.12.0", "Go-http-client/2.0", "axios/1.7.2", "curl/8.5.0"),
    *("Java-http-client/21.0.3", "Faraday v2.9.0", "node-fetch/3.3.2"),
)
# The ranges that RFC 5737 and RFC 3849 keep for documentation.
_NETWORKS = ("192.0.2.{}", "198.51.100.{}", "203.0.113.{}", "2001:db8::{:x}")


class Caller(msgspec.Struct, frozen=True):
    """A workload that presents a key to a service, as the reporter of its uses knows it."""

    name: str
    service: str
    source_ip: str
    user_agent: str
    reporter: str


class Names:
    """Names in a seeded order, none twice."""

    def __init__(self, random: Random) -> None:
        self._random = random
        combinations = ["-".join(parts) for parts in product(_SYSTEMS, _PURPOSES, _PLACES)]
        random.shuffle(combinations)
        self._workloads = _endless(combinations, "-")
        self._vague = _endless(list(VAGUE_NAMES), "")

    def workload(self) -> str:
        """A name that says what a key is for: `billing-export-prod`."""
        return next(self._workloads)

    def vague(self) -> str:
        """A name that says nothing."""
        return next(self._vague)

    def owner(self) -> str:
        """A team, or a member who stays."""
        return self._random.choice((*TEAMS, *MEMBERS))

    def caller(self, name: str) -> Caller:
        """A workload of that name somewhere in the network."""
        choice = self._random.choice
        address = choice(_NETWORKS).format(self._random.randrange(1, 255))
        return Caller(name, choice(_SERVICES), address, choice(_AGENTS), f"gateway-{choice(('eu', 'us'))}")

    def aws_caller(self) -> Caller:
        """Somebody who calls AWS, as CloudTrail tells it: it knows addresses, no workloads."""
        address = _NETWORKS[0].format(self._random.randrange(1, 255))
        return Caller("", self._random.choice(AWS_SERVICES), address, AWS_AGENT, "cloudtrail")

    def access_key_id(self, prefix: str) -> str:
        """The id of an access key of AWS: `AKIA` (long-lived) or `ASIA` (temporary) and 16 characters."""
        return prefix + "".join(self._random.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=16))


def _endless(names: list[str], separator: str) -> Iterator[str]:
    yield from names
    number = 2
    while True:
        yield from (f"{name}{separator}{number}" for name in names)
        number += 1
