"""A runtime upgrade: the chain-spec's own runtime again, which calls itself newer and one of its errors otherwise."""

import hashlib
import shutil
import subprocess

from tests.billing.chain.runtime import Runtime
from tests.billing.chain.sides import Subtensor

CODE_KEY = "0x3a636f6465"
# Stands before a runtime that is compressed with zstd.
COMPRESSED = bytes.fromhex("52bc537646db8e05")
OLD_ERROR, NEW_ERROR = "SubNetworkDoesNotExist", "SubNetworkIsUnknownNow"


def why_not() -> str | None:
    """Say what is missing to change a runtime, or None."""
    found = shutil.which("zstd")
    return None if found else "chain-spec: zstd is not installed, so nothing can open its runtime"


def upgrade(runtime: Runtime, side: Subtensor, *, spec: int) -> None:
    """Make a block with the transaction that sets the next version of runtime ``spec``: later ones are written by that."""
    stored = bytes.fromhex(str(runtime.connection.ask("state_getStorage", CODE_KEY))[2:])
    code = COMPRESSED + _zstd(_changed(_opened(stored), spec=spec))
    digest = "0x" + hashlib.blake2b(code, digest_size=32).hexdigest()
    runtime.store({"System": {"AuthorizedUpgrade": {"codeHash": digest, "checkVersion": True}}})
    side.call("System", "apply_authorized_upgrade", code="0x" + code.hex())
    side.finalize()


def _changed(code: bytes, *, spec: int) -> bytes:
    for before, after in zip(_versions(spec), _versions(spec + 1), strict=True):
        assert before in code, "the runtime's version is not where it was"
        code = code.replace(before, after)
    return code.replace(OLD_ERROR.encode(), NEW_ERROR.encode())


def _versions(spec: int) -> tuple[bytes, bytes]:
    """Write the versions of specification and implementation as data, and as the constant in the program."""
    data = b"".join(number.to_bytes(4, "little") for number in (1, spec, 1))
    return data, b"\x42" + _leb128(1 << 32 | spec)


def _leb128(number: int) -> bytes:
    """Write a number as WebAssembly has its constants."""
    digits = []
    while number > 0x3F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])


def _opened(code: bytes) -> bytes:
    return _zstd(code.removeprefix(COMPRESSED), "-d") if code.startswith(COMPRESSED) else code


def _zstd(data: bytes, *options: str) -> bytes:
    return subprocess.run(["zstd", *options], input=data, capture_output=True, check=True).stdout
