"""A certificate, and the authority that vouches for it."""

import ssl
from pathlib import Path

import msgspec
import trustme


class Certified(msgspec.Struct, frozen=True):
    """The files, and a context that trusts the authority."""

    authority: Path
    certificate: Path
    key: Path
    context: ssl.SSLContext

    @property
    def options(self) -> tuple[str, ...]:
        """Of `keyledger serve`."""
        return ("--tls-cert", str(self.certificate), "--tls-key", str(self.key))


def certified(folder: Path, *hosts: str) -> Certified:
    """Write a certificate for hosts into a folder."""
    authority = trustme.CA()
    issued = authority.issue_cert(*hosts)
    made = Certified(
        folder / "authority.pem",
        folder / "certificate.pem",
        folder / "certificate-key.pem",
        ssl.create_default_context(),
    )
    authority.cert_pem.write_to_path(made.authority)
    issued.private_key_pem.write_to_path(made.key)
    for pem in issued.cert_chain_pems:
        pem.write_to_path(made.certificate, append=True)
    authority.configure_trust(made.context)
    return made
