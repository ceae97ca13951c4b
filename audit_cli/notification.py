"""`keyledger audit --notify`: telling a webhook of the findings that no earlier run recorded."""

import os
import time
from typing import TYPE_CHECKING

import msgspec

from audit_cli import console
from audit_cli.audit_since import differences
from audit_cli.reports.message import message, slack_message
from audit_cli.webhook import Clock, NotDelivered, Webhook, post, webhook
from audit_cli.wording import counted, moment
from ledger import __version__
from ledger.audit_runs import recorded_runs
from ledger.errors import InvalidInput
from ledger.ids import digest
from ledger.settings import read_private

if TYPE_CHECKING:
    from audit_cli.session import Session
    from ledger.settings import Settings
    from projections.audit.findings import Finding
    from projections.audit.report import AuditReport

URL = "KEYLEDGER_NOTIFY_URL"
SECRET = "KEYLEDGER_NOTIFY_SECRET"  # noqa: S105 - the name of a variable

_ID_DIGITS = 32
_SLACK = ("slack.com", "slack-gov.com")


class Announcer:
    """Tells a webhook of new findings; InvalidInput, before anything is audited, where none is configured."""

    def __init__(self, settings: "Settings") -> None:
        self._hook = _configured(settings)
        self._known: set[str] = set()
        self._since: str | None = None

    def look_up(self, session: "Session", report: "AuditReport", *, everything: bool) -> None:
        """See what the last recorded run found, before another is recorded.

        The last that went by the same as this report, where there is one: what others did not look for is no
        news, and what they found besides was perhaps told to nobody.
        """
        runs = recorded_runs(session.database, session.organization.id)
        alike = [run for run in runs if not differences(run.event, report, everything=everything)]
        for run in (alike or runs)[-1:]:
            self._known = set(run.open_findings)
            others = differences(run.event, report, everything=everything)
            by = f", which went by another {' and '.join(others)}" if others else ""
            self._since = f"run {run.id.hex()[:8]} of {moment(run.event.occurred_at)}{by}"

    def announce(self, report: "AuditReport", *, will_record: bool) -> None:
        """Post what is new, if anything is; NotDelivered where the webhook takes it not.

        Whoever records the run does so afterwards, or the next run would take for known what nobody heard of.
        """
        new = [finding for finding in report.open_findings if finding.id not in self._known]
        if not new:
            since = "" if self._since is None else f" since {self._since}"
            console.note(f"Nobody was notified: there is nothing new{since}.")
            return
        try:
            self._post(report, new)
        except NotDelivered as error:
            rest = "; the run was not recorded, so that the next one tells of the same" if will_record else ""
            raise NotDelivered(f"the report is whole, but nobody was notified: {error}{rest}") from None
        console.note(f"Notified {self._hook.host} of {counted(len(new), 'new finding')}.")

    def _post(self, report: "AuditReport", new: "list[Finding]") -> None:
        host = self._hook.host
        is_slack = any(host == domain or host.endswith(f".{domain}") for domain in _SLACK)
        # What Slack makes of other fields its documentation does not say.
        content = (slack_message if is_slack else message)(report, new, self._since)
        body, clock = msgspec.json.encode(content), Clock(time.time, time.sleep)
        post(self._hook, _message_id(report, new), body, f"keyledger/{__version__}", clock)


def _configured(settings: "Settings") -> Webhook:
    """The webhook of the settings; each of address and secret is a variable's, or else in a file's.

    Neither is ever a flag's: other users see command lines, and Slack's addresses are secrets themselves.
    """
    url = os.environ.get(URL)
    if not url and settings.notify_url_file is not None:
        url = read_private(settings.notify_url_file, "the webhook's address")
    if not url:
        raise InvalidInput(
            f"nobody to notify is known; give the webhook's address in {URL}, or in a file named by"
            " KEYLEDGER_NOTIFY_URL_FILE or notify_url_file in keyledger.toml"
        )
    secret = os.environ.get(SECRET)
    if not secret and settings.notify_secret_file is not None:
        secret = read_private(settings.notify_secret_file, "the webhook's secret")
    return webhook(url, secret or None)


def _message_id(report: "AuditReport", new: "list[Finding]") -> str:
    """The same for the same news of the same report, so that a receiver can tell a repeat."""
    ids = [finding.id for finding in new]
    return "msg_" + digest("notification", report.sha256(), ids).hex()[:_ID_DIGITS]
