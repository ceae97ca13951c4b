"""A file that secrets of new keys go to: new, its owner's alone, and on disk before the key is."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from ledger.errors import LedgerUnavailable
from ledger.key_terms import CreatedKey
from projections.documents.created import created_document


class SecretsFile:
    """A JSON object a line. It must not be there yet, so that none is overwritten and no terminal is one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise LedgerUnavailable(f"{path} is there already; secrets go to a new file") from None
        except OSError as error:
            raise LedgerUnavailable(f"{path}: {error.strerror}") from None
        self._file = os.fdopen(number, "wb")
        self._settled = 0
        _sync_folder(path)

    def keep(self, created: CreatedKey) -> None:
        """Put a secret on the disk, before the key that it opens is there."""
        self._file.write(msgspec.json.encode(created_document(created)) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def settle(self) -> None:
        """The key of the last secret is there."""
        self._settled = self._file.tell()

    def forget(self) -> None:
        """Take the last secret out again: its key was refused and opens nothing."""
        self._file.seek(self._settled)
        self._file.truncate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if not self._path.stat().st_size:
            self._path.unlink()


def _sync_folder(path: Path) -> None:
    """Make the name of the file as durable as what it will hold."""
    number = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
