"""Several small files in one piece, for the standard input of a command that unpacks them."""

import tarfile
from collections.abc import Mapping
from io import BytesIO


def pack(files: Mapping[str, bytes]) -> bytes:
    """Give a tar archive of files that only their owner may read."""
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o600
            archive.addfile(member, BytesIO(data))
    return packed.getvalue()
