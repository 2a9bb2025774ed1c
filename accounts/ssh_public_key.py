"""Reading SSH public keys: one line of type, base64 and comment; everything else is refused with its remedy."""

import base64
import binascii
import struct
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from core.errors import Invalid

MAX_LINE: Final = 8192
MIN_RSA_BITS: Final = 2048
TYPES: Final = frozenset(
    {
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    }
)
MAKE_ONE: Final = "Make one with: ssh-keygen -t ed25519"
# What people paste instead of a public key line, and what to do about it.
MISTAKES: Final = (
    (
        "PRIVATE KEY-----",
        "This is a private key. It must never leave your computer.",
        "Paste the file that ends in .pub. As this one was sent over the network, make a new pair.",
    ),
    (
        "PuTTY-User-Key-File",
        "This is a PuTTY key file, and it holds the private key.",
        "In PuTTYgen, load it and copy the text under 'Public key for pasting into authorized_keys'.",
    ),
    (
        "BEGIN SSH2 PUBLIC KEY",
        "This is a public key in the SSH2 format, which sshd does not read.",
        "Convert it with: ssh-keygen -i -f FILE",
    ),
    (
        "-----BEGIN",
        "This is a PEM file, not an SSH public key line.",
        "Paste the line that starts with ssh-ed25519, ssh-rsa or ecdsa-sha2-.",
    ),
)


class BadSshKey(Invalid):
    """The text is not an SSH public key that may enter a pod."""

    code = "invalid_ssh_key"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A valid key: ``line`` is what goes into authorized_keys, byte for byte."""

    type: str
    comment: str
    line: str
    fingerprint: str


def parse(text: str) -> PublicKey:
    """Read one public key line.

    :raises BadSshKey: with what is wrong and what to do; a private key is never echoed.
    """
    line = text.strip()
    _refuse_mistakes(line)
    kind, encoded, comment = _fields(line)
    blob = _decode(encoded)
    if _named_type(blob) != kind:
        raise BadSshKey(
            f"The line says {kind}, but its base64 part holds another type of key.",
            hint="Copy the whole line of the .pub file again.",
        )
    _refuse_weak(kind, encoded)
    digest = base64.b64encode(sha256(blob).digest()).decode().rstrip("=")
    return PublicKey(type=kind, comment=comment, line=line, fingerprint=f"SHA256:{digest}")


def _refuse_mistakes(line: str) -> None:
    if not line:
        raise BadSshKey("The SSH public key is empty.", hint=MAKE_ONE)
    for mark, problem, remedy in MISTAKES:
        if mark in line:
            raise BadSshKey(problem, hint=remedy)
    if len(line) > MAX_LINE:
        raise BadSshKey(
            f"The key is {len(line)} characters long; at most {MAX_LINE} are read.", hint=MAKE_ONE
        )
    if not line.isprintable():
        raise BadSshKey(
            "A public key is one line, without control characters.",
            hint="Add several keys one at a time.",
        )


def _fields(line: str) -> tuple[str, str, str]:
    kind, _, rest = line.partition(" ")
    encoded, _, comment = rest.strip().partition(" ")
    if kind in TYPES and encoded:
        return kind, encoded, comment.strip()
    if TYPES.intersection(line.split()[1:]):
        raise BadSshKey(
            "Options before the key, such as command= or from=, are not accepted.",
            hint="Start the line with the type of the key.",
        )
    if kind in TYPES:
        raise BadSshKey("The line ends after the type of the key.", hint="Copy the whole line.")
    raise BadSshKey(
        f"{kind[:40]!r} is not a type of SSH key that is accepted here.",
        hint=f"Accepted: {', '.join(sorted(TYPES))}. {MAKE_ONE}",
    )


def _decode(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadSshKey(
            "The key's base64 part is damaged.", hint="Copy the whole line of the .pub file again."
        ) from error


def _named_type(blob: bytes) -> str:
    if len(blob) < 4:
        return ""
    (length,) = struct.unpack_from(">I", blob)
    return blob[4 : 4 + length].decode("ascii", errors="replace") if length <= 64 else ""


def _refuse_weak(kind: str, encoded: str) -> None:
    try:
        key = load_ssh_public_key(f"{kind} {encoded}".encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadSshKey(
            f"The key is not a valid {kind} key.",
            hint="Copy the whole line of the .pub file again.",
        ) from error
    if isinstance(key, RSAPublicKey) and key.key_size < MIN_RSA_BITS:
        raise BadSshKey(
            f"This RSA key has {key.key_size} bits; at least {MIN_RSA_BITS} are needed.",
            hint=MAKE_ONE,
        )
