"""Programs as one file: the same contents give the same bytes."""

import io
import zipfile
from collections.abc import Mapping
from typing import Final

SHEBANG: Final = b"#!/usr/bin/env python3\n"
# The oldest time that a zip file can hold.
NO_TIME: Final = (1980, 1, 1, 0, 0, 0)


def program(contents: Mapping[str, str]) -> bytes:
    """Return a file that Python runs, from texts by path; `__main__.py` is where it starts."""
    buffer = io.BytesIO(SHEBANG)
    buffer.seek(0, io.SEEK_END)
    # Stored, not deflated: zlib's versions differ in their bytes.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(contents):
            archive.writestr(zipfile.ZipInfo(path, NO_TIME), contents[path])
    return buffer.getvalue()
