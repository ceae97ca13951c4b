"""Where policies come from: files that people write, and packs that come with the package."""

from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

import msgspec

from ledger.errors import InvalidInput, NotFound
from projections.audit.measure import Measures
from projections.audit.pack import Pack, parse_pack
from projections.audit.policy import Policy
from projections.audit.policy_text import parse_policy
from projections.audit.rules import RULES

PACKS = ("cis-aws", "nist-800-53", "owasp-nhi", "pci-dss-4", "soc2")


class PolicyFile(msgspec.Struct, frozen=True):
    """The policy that a file says, and its faults as `FILE:LINE: what is wrong`; with any, it is void."""

    policy: Policy
    faults: list[str]


def load_policy(source: str) -> PolicyFile:
    """The policy of a pack or of a file; NotFound where it is neither."""
    if source in PACKS:
        return PolicyFile(load_pack(source).policy, [])
    path = Path(source).expanduser()
    if not source or not path.exists():
        close = get_close_matches(source, PACKS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"the packs are {', '.join(PACKS)}"
        raise NotFound(f"there is no policy file {source!r} and no pack of that name; {hint}")
    policy, faults = parse_policy(_text(path), [rule.id for rule in RULES])
    if not faults and not Measures(policy, RULES).rules:
        faults = [(1, "every rule is switched off; leave at least one on")]
    return PolicyFile(policy, [f"{source}:{line}: {message}" for line, message in faults])


def load_pack(pack_id: str) -> Pack:
    """The pack of that id; NotFound tells which there are."""
    if pack_id not in PACKS:
        close = get_close_matches(pack_id, PACKS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"the packs are {', '.join(PACKS)}"
        raise NotFound(f"there is no pack {pack_id!r}; {hint}")
    text = files("projections.audit").joinpath("packs", f"{pack_id}.toml").read_text(encoding="utf-8")
    return parse_pack(pack_id, text, RULES)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"the policy file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"the policy file {path} is not UTF-8 text") from None
