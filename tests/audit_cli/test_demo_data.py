from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from sqlalchemy import select

from audit_cli.demo_data import DEFAULT_END, build
from audit_cli.demo_names import LEAVERS, ORGANIZATION, VAGUE_NAMES
from ledger.database import Database, open_database
from ledger.encoding import decode
from ledger.errors import WrongState
from ledger.events import (
    DenialReason,
    Event,
    KeyCreated,
    KeyDisabled,
    KeyKind,
    KeyLinked,
    KeyObserved,
    KeyRevoked,
    KeyRotated,
    KeyUsageSummarized,
    KeyUsed,
    KeyUseDenied,
    MemberRemoved,
)
from ledger.organization import Organization
from ledger.schema import events
from projections.audit.report import AuditReport, AuditScope, audit
from projections.view import open_view

DAY_US = 86_400_000_000

# The rules that the demonstration was made for.
NINE_RULES = (
    "unused-key",
    "never-used-key",
    "no-usage-data",
    "aged-key",
    "used-after-revocation",
    "denied-attempts",
    "shared-key",
    "undescriptive-name",
    "rotation-unfinished",
)
DOCUMENTATION = [
    ip_network(network) for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]


class Demo:
    """A demonstration's ledger, its events and its audit."""

    def __init__(self, path: Path, keys: int = 60, days: int = 730, seed: int = 7) -> None:
        self.database: Database = open_database(str(path), create=True)
        self.days = days
        self.org: Organization = build(self.database, keys, days, seed)

    def rows(self) -> list[tuple[int, bytes, int, str, bytes]]:
        with self.database.read() as connection:
            query = select(events).order_by(events.c.position)
            return [tuple(row) for row in connection.execute(query)]

    def told(self) -> list[tuple[bytes, Event]]:
        return [(stream_id, decode(topic, state)) for _, stream_id, _, topic, state in self.rows()]

    def report(self) -> AuditReport:
        with open_view(self.database, self.org.id, DEFAULT_END) as view:
            scope = AuditScope(ORGANIZATION, DEFAULT_END, view.position, "0")
            return audit(scope, view.records())


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo") / "ledger.db")
    yield demo
    demo.database.close()


@pytest.fixture(scope="module")
def told(demo: Demo) -> list[tuple[bytes, Event]]:
    return demo.told()


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(demo: Demo, tmp_path: Path) -> None:
    again, other = Demo(tmp_path / "again.db"), Demo(tmp_path / "other.db", seed=8)

    assert again.rows() == demo.rows()
    assert other.rows() != demo.rows()

    for built in (again, other):
        built.database.close()


def test_each_rule_has_a_key_made_for_it_whatever_the_seed(tmp_path: Path) -> None:
    for seed in range(5):
        demo = Demo(tmp_path / f"{seed}.db", seed=seed)
        found = {finding.rule for finding in demo.report().findings}
        assert set(NINE_RULES) <= found
        demo.database.close()


def test_most_keys_are_in_order(demo: Demo) -> None:
    report = demo.report()

    found = {finding.key_id for finding in report.findings}

    assert report.summary.keys == 60
    assert 15 <= len(found) <= 40


@pytest.mark.parametrize(
    ("keys", "days"), [(1, 1), (2, 1), (3, 730), (7, 14), (22, 90), (60, 1), (61, 400), (130, 30)]
)
def test_there_are_as_many_keys_as_were_asked_for(tmp_path: Path, keys: int, days: int) -> None:
    demo = Demo(tmp_path / "ledger.db", keys, days)

    assert demo.report().summary.keys == keys
    demo.database.close()


@pytest.mark.parametrize(("keys", "days"), [(60, 730), (60, 10), (400, 400)])
def test_everything_happens_between_the_beginning_and_the_end(tmp_path: Path, keys: int, days: int) -> None:
    demo = Demo(tmp_path / "ledger.db", keys, days)
    start = DEFAULT_END - days * DAY_US

    recorded = [event.recorded_at for _, event in demo.told()]

    assert recorded == sorted(recorded)
    assert start <= recorded[0]
    assert recorded[-1] <= DEFAULT_END
    for _, event in demo.told():
        last_at = getattr(event, "last_at", None) or event.occurred_at
        assert start <= event.occurred_at <= last_at <= event.recorded_at
    demo.database.close()


def test_uses_are_coalesced_within_a_day(told: list[tuple[bytes, Event]]) -> None:
    uses = [event for _, event in told if isinstance(event, KeyUsed)]

    assert len(uses) > 3000
    assert sum(use.count for use in uses) > 100_000
    assert any(use.error_count for use in uses)
    for use in uses:
        assert use.occurred_at // DAY_US == (use.last_at or use.occurred_at) // DAY_US


def test_addresses_are_those_kept_for_documentation(told: list[tuple[bytes, Event]]) -> None:
    details = [event.personal for _, event in told if isinstance(event, KeyUsed | KeyUseDenied)]
    addresses = {ip_address(detail.source_ip) for detail in details if detail and detail.source_ip}

    assert len(addresses) > 20
    for address in addresses:
        assert any(address in network for network in DOCUMENTATION if address.version == network.version)


def test_a_key_is_used_by_one_caller_after_the_overlap_of_its_rotation(
    told: list[tuple[bytes, Event]],
) -> None:
    ends = {stream_id: event.overlap_ends_at for stream_id, event in told if isinstance(event, KeyRotated)}
    revoked = {stream_id for stream_id, event in told if isinstance(event, KeyRevoked)}

    late = {
        (event.key_id, event.caller)
        for _, event in told
        if isinstance(event, KeyUsed) and event.occurred_at > ends.get(event.key_id, DEFAULT_END)
    }

    assert len(late) == 2
    assert len({key_id for key_id, _ in late}) == 2
    assert not {key_id for key_id, _ in late} & revoked
    # The other rotations were brought to their end.
    assert len(ends) == 6
    assert len(ends.keys() & revoked) == 4


def test_a_service_tells_late_of_uses_after_a_revocation(told: list[tuple[bytes, Event]]) -> None:
    revoked = {stream_id: event.occurred_at for stream_id, event in told if isinstance(event, KeyRevoked)}

    late = [
        event
        for _, event in told
        if isinstance(event, KeyUsed) and event.occurred_at > revoked.get(event.key_id, DEFAULT_END)
    ]

    assert len({event.key_id for event in late}) == 1
    assert all(event.recorded_at - event.occurred_at > 9 * DAY_US for event in late)


def test_revoked_expired_and_rotated_keys_are_presented_and_hammering_is_coalesced(
    told: list[tuple[bytes, Event]],
) -> None:
    denials = [event for _, event in told if isinstance(event, KeyUseDenied)]

    assert {event.reason for event in denials} == {
        DenialReason.REVOKED,
        DenialReason.EXPIRED,
        DenialReason.ROTATED,
    }
    assert max(event.count for event in denials) == 29


def test_some_keys_are_disabled_badly_named_or_of_somebody_who_left(
    demo: Demo, told: list[tuple[bytes, Event]]
) -> None:
    created = [event for _, event in told if isinstance(event, KeyCreated)]
    gone = {event.member_id for _, event in told if isinstance(event, MemberRemoved)}

    assert {demo.org.members[member_id].email for member_id in gone} == set(LEAVERS)
    assert any(event.owner_id in gone for event in created)
    assert sum(event.name in VAGUE_NAMES for event in created) == 3
    assert Counter(type(event) for _, event in told)[KeyDisabled] == 4
    names = [event.name for event in created if event.predecessor_id is None]
    assert len(set(names)) == len(names)


def test_keys_of_aws_are_seen_in_logs_and_reports(told: list[tuple[bytes, Event]]) -> None:
    observed = [event for _, event in told if isinstance(event, KeyObserved)]

    assert {event.reporter for event in observed} == {"cloudtrail", "iam-credential-report"}
    assert {event.kind for event in observed} == set(KeyKind)
    assert sum(isinstance(event, KeyLinked) for _, event in told) == 1
    never = [
        event for _, event in told if isinstance(event, KeyUsageSummarized) and event.last_used_at is None
    ]
    # One was created after AWS began to track uses, one before: of that, nobody knows.
    births = {event.key_id: event.created_at or 0 for event in observed}
    assert sorted(births[event.key_id] > event.covers_from for event in never) == [False, True]


def test_only_an_empty_database_is_filled(demo: Demo) -> None:
    before = demo.rows()

    with pytest.raises(WrongState, match="is a ledger already"):
        build(demo.database)

    assert demo.rows() == before
