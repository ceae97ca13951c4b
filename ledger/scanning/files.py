"""Files and streams, read and searched."""

import os
from collections.abc import Callable

from ledger.scanning.found import Found, Haul, Place
from ledger.scanning.naming import Naming
from ledger.scanning.reader import Content, Fill, Reader
from ledger.scanning.walk import Walk


def scan_files(
    walk: Walk, reader: Reader, haul: Haul, naming: Naming, on_progress: Callable[[int], None]
) -> None:
    """Read every file; `on_progress` hears how many bytes each had."""
    for path, flags in walk.files():
        try:
            content = _content(reader, path, flags)
        except FileNotFoundError:
            continue  # removed since it was listed
        except OSError as error:
            haul.miss(naming(path), error)
            continue
        on_progress(content.size)
        _take(haul, content)
        if content.hits:
            _find(haul, content, naming(path))


def scan_stream(fill: Fill, reader: Reader, haul: Haul, naming: Naming) -> None:
    """Read a stream to its end."""
    content = reader.read(fill)
    _take(haul, content)
    _find(haul, content, naming.stdin)


def _take(haul: Haul, content: Content) -> None:
    haul.files += 1
    haul.bytes += content.size
    haul.archives += content.is_archive


def _find(haul: Haul, content: Content, path: str) -> None:
    for hit in content.hits:
        haul.find(Found(hit.secret, Place(path, hit.line)))


def _content(reader: Reader, path: str, flags: int) -> Content:
    descriptor = os.open(path, flags)
    try:
        return reader.read(lambda view: os.readv(descriptor, (view,)))
    finally:
        os.close(descriptor)
