"""Programs of the system that tests run: without one a test is skipped, and fails in CI."""

import os
import shutil

import pytest


def installed(name: str, package: str | None = None) -> str:
    """Where a program is; a package of Debian's has it, if by another name."""
    # Some stand where only root looks for programs.
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    if found is not None:
        return found
    reason = f"{name} is not installed"
    if os.environ.get("KEYLEDGER_CI"):
        pytest.fail(f"{reason}, and in CI no test may go without it")
    pytest.skip(f"{reason}; on Debian: apt-get install {package or name}")
