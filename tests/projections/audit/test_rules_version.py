"""What findings say belongs to a version of the rules, by which recorded audits are derived again."""

from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import msgspec

from ledger.events import KeyState, MemberDetails, Role
from ledger.intake import Item
from ledger.key_terms import KeyChanges, NewKey
from ledger.leaks import LeakedAt, Leaks
from ledger.observation import ExternalKey, Observation
from ledger.usage import Use
from ledger.verdict import Presented
from ledger.waivers import Waivers, WaiverTerms
from projections.audit.dormancy import sought_pauses
from projections.audit.policy import Policy
from projections.audit.report import AuditReport, AuditScope, audit
from projections.audit.rules import RULES, RULES_VERSION
from projections.view import open_view
from tests.office import DAY, MINUTE, START, Office

GOLDEN = Path(__file__).parents[2] / "golden" / "findings.txt"
LISTED, MET = ExternalKey("aws", "AKIAEXAMPLE0000000A1"), ExternalKey("aws", "AKIAEXAMPLE0000000B2")


def used(key: bytes | ExternalKey, days_ago: int, caller: str = "cron") -> Item:
    return Use(key=key, service="billing", occurred_at=START - days_ago * DAY, caller=caller)


def live(office: Office) -> None:
    """A history in which every rule finds something, with a waiver that holds and one that is over."""
    ledger, org, ada = office.ledger, office.org, office.ada
    office.now = START - 400 * DAY
    names = ("nightly-report", "tmp", "shared", "billing-sync", "yearly-job", "old-deploy", "bobs-export")
    keys = {name: office.key(name) for name in names}
    known = {name: ledger.find_key(org, key.id.hex()) for name, key in keys.items()}
    ledger.add_member(org, ada, MemberDetails("bob@example.com"), Role.MEMBER)
    ledger.change_key(office.org, ada, known["bobs-export"], KeyChanges(owner="bob@example.com"))
    office.now = START - 20 * DAY
    ledger.rotate_key(org, ada, known["billing-sync"])
    ledger.revoke_key(org, ada, known["old-deploy"], "over")
    ledger.check(keys["old-deploy"].secret, Presented("billing", "cron"))
    ledger.create_key(org, ada, NewKey("ends-soon", expires_at=START + 5 * DAY))
    Leaks(ledger, org, ada).report([LeakedAt(keys["tmp"].id, "values.yaml:3")])
    ledger.remove_member(office.org, ada, "bob@example.com")
    for rule, days in (("aged-key", 30), ("unused-key", 10)):
        terms = WaiverTerms("moves to OIDC", "ops", office.now + days * DAY)
        Waivers(ledger, org, ada).waive(known["nightly-report"], rule, terms, timedelta(days=90))
    office.now = START
    uses = {"nightly-report": (401, 60), "yearly-job": (200, 5), "shared": (1,), "billing-sync": (3,)}
    office.record(used(keys[name].id, days) for name, ago in uses.items() for days in ago)
    office.record([used(keys["shared"].id, 2, "web"), used(keys["old-deploy"].id, 19), used(MET, 50)])
    office.record([Observation(LISTED, START - DAY, "iam-access-keys", KeyState.ACTIVE, START - 70 * DAY)])
    office.now += 2 * MINUTE
    ledger.settle()


def report(office: Office) -> AuditReport:
    policy = Policy()
    with open_view(office.database, office.id, START) as view:
        records = view.records(sought_pauses(policy, RULES, START))
        return audit(AuditScope("acme", START, view.position, "0", policy), records, rules=RULES)


def test_whatever_changes_what_findings_say_raises_the_version_of_the_rules(office: Office) -> None:
    live(office)
    found = report(office)
    assert {finding.rule for finding in found.findings} == {rule.id for rule in RULES}
    assert found.summary.waived == 1

    line = f"{RULES_VERSION} {sha256(msgspec.json.encode(found.findings)).hexdigest()}"

    assert GOLDEN.read_text().splitlines()[-1] == line, (
        "Findings say something else than they did. If that is meant, raise RULES_VERSION in"
        f" projections/audit/rules.py and write what is left here below the last line of {GOLDEN.name}."
    )


def test_each_version_of_the_rules_has_one_digest() -> None:
    versions = [line.split()[0] for line in GOLDEN.read_text().splitlines()]

    assert versions == sorted(set(versions), key=int)
