"""`keyledger scan --rules`: rules by which other scanners know the secrets of this organization."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, assert_never

from audit_cli import console
from ledger.secret import DEFAULT_PREFIX, shape

if TYPE_CHECKING:
    from audit_cli.options import Options

_ABOUT = "Secret of an API key that keyledger made"

_GITLEAKS = """\
# keyledger scan --rules gitleaks > keyledger.toml; gitleaks git --config keyledger.toml
# Gitleaks cannot tell a checksum: `keyledger scan` says which of its findings are secrets, and whose.
title = "keyledger"

[extend]
useDefault = true
"""
_GITLEAKS_RULE = """
[[rules]]
id = "keyledger-{prefix}"
description = "{about}"
regex = '''{shape}'''
keywords = ["{prefix}_"]
tags = ["key", "keyledger"]
"""

_TRUFFLEHOG = """\
# keyledger scan --rules trufflehog > keyledger.yaml; trufflehog git file://. --config keyledger.yaml
# TruffleHog cannot tell a checksum: `keyledger scan` says which of its findings are secrets, and whose.
detectors:
"""
_TRUFFLEHOG_RULE = """\
  - name: keyledger-{prefix}
    description: {about}
    keywords:
      - {prefix}_
    regex:
      secret: '{shape}'
"""

_DETECT_SECRETS = '''\
# keyledger scan --rules detect-secrets > keyledger.py; detect-secrets scan --plugin keyledger.py
import re
from zlib import crc32

from detect_secrets.plugins.base import RegexBasedDetector

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class KeyledgerDetector(RegexBasedDetector):
    """{about}; what fails the checksum is passed over."""

    secret_type = "keyledger secret"
    denylist = [{patterns}]

    def analyze_string(self, string):
        return (found for found in super().analyze_string(string) if _is_well_formed(found))


def _is_well_formed(secret):
    stem, _, given = secret.rpartition("_")
    number, digits = crc32(stem.encode()), ""
    for _ in given:
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return digits == given
'''


def print_rules(
    options: "Options",
    tool: Literal["gitleaks", "trufflehog", "detect-secrets"],
    prefixes: Sequence[str] | None,
    *,
    offline: bool,
) -> None:
    """Print the rules for a tool: for the prefixes given, else for the organization's."""
    known = tuple(dict.fromkeys(prefixes or (_prefix(options, offline=offline),)))
    console.result(rules_for(tool, known))


def rules_for(tool: Literal["gitleaks", "trufflehog", "detect-secrets"], prefixes: Sequence[str]) -> str:
    """The rule file of a tool; raises InvalidInput for what is no prefix."""
    told = [{"prefix": prefix, "shape": shape(prefix), "about": _ABOUT} for prefix in prefixes]
    match tool:
        case "gitleaks":
            return _GITLEAKS + "".join(_GITLEAKS_RULE.format(**each) for each in told)
        case "trufflehog":
            return _TRUFFLEHOG + "".join(_TRUFFLEHOG_RULE.format(**each) for each in told)
        case "detect-secrets":
            patterns = ", ".join(f're.compile(r"{each["shape"]}")' for each in told)
            return _DETECT_SECRETS.format(about=_ABOUT, patterns=patterns)
        case _:
            assert_never(tool)


def _prefix(options: "Options", *, offline: bool) -> str:
    """The prefix of the organization; where there is no ledger to ask, the usual one."""
    from audit_cli.session import open_session
    from ledger.errors import LedgerUnavailable

    if offline:
        return DEFAULT_PREFIX
    try:
        with open_session(options) as session:
            return session.organization.secret_prefix
    except LedgerUnavailable:
        console.note(
            f"No ledger says how secrets begin, so the rules are for {DEFAULT_PREFIX}_; or --prefix."
        )
        return DEFAULT_PREFIX
