"""Ed25519 keys in OpenSSH's formats."""

import base64
import binascii
import hashlib
import io

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from marketplace.machine.errors import BadKey


def generate_keypair() -> tuple[str, str]:
    """Make a key pair: private key as OpenSSH text, public key as one line without comment."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return private.decode(), public.decode()


def fingerprint(public_line: str) -> str:
    """Give the SHA256 fingerprint of a public key line, as `ssh-keygen -l` prints it.

    :raises BadKey: when the line is not `TYPE BASE64 [COMMENT]`.
    """
    try:
        blob = base64.b64decode(public_line.split()[1], validate=True)
    except (IndexError, binascii.Error) as error:
        raise BadKey("A public key is one line: type, base64 text, comment.") from error
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode()
    return "SHA256:" + digest.rstrip("=")


def load_private_key(text: str) -> paramiko.PKey:
    """Read an OpenSSH private ed25519 key.

    :raises BadKey: when it is damaged, encrypted or of another type.
    """
    try:
        return paramiko.Ed25519Key.from_private_key(io.StringIO(text))
    except (paramiko.SSHException, ValueError, IndexError) as error:
        raise BadKey("The private key is not an unencrypted ed25519 key.") from error
