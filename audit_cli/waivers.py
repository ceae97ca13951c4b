"""`keyledger waive`, `waivers` and `unwaive`: findings that are accepted for a time."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from audit_cli import console
from audit_cli.completion import complete_key, complete_rule
from audit_cli.options import Options, command
from audit_cli.values import FormatOption, Until, until

if TYPE_CHECKING:
    from projections.key_record import KeyRecord
    from projections.marks import Waiver

app = typer.Typer(rich_markup_mode=None)

KeyArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="KEY", autocompletion=complete_key, help="An id, its beginning, or a name.")
]
RuleArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="RULE", autocompletion=complete_rule, help="As `keyledger rules` lists it.")
]


@command(app, "waive")
def waive(
    options: Options,
    key: KeyArgument,
    rule: RuleArgument,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why the risk is accepted.")],
    owner: Annotated[str, typer.Option(metavar="WHO", help="Who answers for it: a member, a team.")],
    end: Annotated[
        Until,
        typer.Option("--until", parser=until, metavar="TIME|DURATION", help="When it ends, such as 90d."),
    ],
) -> None:
    """Accept a finding for a time.

    Reports go on showing it, marked as waived, and it fails no audit until then.

    Example: keyledger waive billing aged-key --reason "moves to OIDC" --owner ops --until 30d
    """
    from audit_cli.policy_choice import policy_in_force
    from audit_cli.session import open_session
    from audit_cli.wording import moment
    from ledger.moments import MICROSECOND
    from ledger.waivers import Waivers, WaiverTerms
    from projections.audit.dormancy import sought_pauses
    from projections.audit.measure import Measures
    from projections.audit.rule import context_of
    from projections.audit.rules import RULES, find_rule

    chosen = find_rule(rule)
    policy = policy_in_force(options, None, {})
    with open_session(options) as session:
        credential = session.key(key)
        with session.view() as view:
            record, others = view.record(credential.key_id), view.other_names(credential.key_id)
            if (sought := sought_pauses(policy, (chosen,), session.now)) is not None:
                record = next(each for each in view.records(sought) if each.id == record.id)
        measure = Measures(policy, RULES).of(record)
        longest = measure.policy.max_waiver
        at = session.now + end.at // MICROSECOND if isinstance(end.at, timedelta) else end.at
        waivers = Waivers(session.ledger, session.organization, session.actor)
        waivers.waive(credential, chosen.id, WaiverTerms(reason, owner, at), longest, others)
        found = chosen.check(record, context_of(record, session.now, measure.policy))
    console.result(f"Waived {chosen.id} for {credential.name or key} until {moment(at)}.\n")
    if found is None:
        console.note("As of now that rule finds nothing wrong with this key.")


@command(app, "unwaive")
def unwaive(
    options: Options,
    key: KeyArgument,
    rule: RuleArgument,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why.")] = None,
) -> None:
    """Withdraw a waiver: the finding is open again.

    Example: keyledger unwaive billing aged-key
    """
    from audit_cli.session import open_session
    from ledger.waivers import Waivers

    with open_session(options) as session:
        credential = session.key(key)
        with session.view() as view:
            others = view.other_names(credential.key_id)
        waivers = Waivers(session.ledger, session.organization, session.actor)
        waivers.withdraw(credential, rule, reason, others)
    console.result(f"Withdrew the waiver of {rule} for {credential.name or key}.\n")


@command(app, "waivers")
def waivers(options: Options, form: FormatOption = "table") -> None:
    """List the waivers, the expired too.

    Example: keyledger waivers --format json
    """
    from audit_cli.session import open_session
    from projections.documents.waivers import waived_keys, waivers_document

    with open_session(options) as session, session.view() as view:
        told = waived_keys(view.records())
        now, org, position = session.now, session.organization.name, view.position
    if form == "json":
        console.result_json(waivers_document(org, position, told, now))
        return
    if not told:
        console.note("Nothing is waived.")
        return
    headers = ("Rule", "Key", "Until", "State", "Owner", "Reason")
    console.result(console.table(headers, [_row(*each, now) for each in told], flexible=(1, 4, 5)))


def _row(record: "KeyRecord", waiver: "Waiver", now: int) -> tuple[str, ...]:
    from audit_cli.wording import moment
    from projections.documents.waivers import waiver_state

    key = f"{record.name} {record.id.hex()[:8]}"
    return (
        waiver.rule,
        key,
        moment(waiver.expires_at),
        waiver_state(waiver, now),
        waiver.owner or "",
        waiver.reason,
    )
