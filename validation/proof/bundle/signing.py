"""A bundle as bytes: sealed by a validator's sr25519 hotkey, read back only if it is well-formed."""

from collections.abc import Callable

import sr25519

from validation.proof.bundle.codec import from_json, to_json
from validation.proof.bundle.encoding import decode, encode
from validation.proof.bundle.records import Body, Bundle, Signature
from validation.proof.bundle.ss58 import public_key_of
from validation.proof.hashing import Hash, tagged_hash


def seal(body: Body, *, signer: str, sign: Callable[[Hash], bytes]) -> bytes:
    """Return the bundle's bytes; `sign` makes the sr25519 signature of `signer` (SS58), 64 bytes."""
    signature = Signature(signer=signer, sr25519=sign(signed_hash(body)))
    return encode(to_json(Bundle(body=body, signature=signature)))


def read(data: bytes) -> Bundle:
    """Read a bundle; its signature is not checked here.

    :raises Malformed: it is not the canonical encoding of a bundle.
    """
    return from_json(Bundle, decode(data))


def is_signed(bundle: Bundle) -> bool:
    """Say whether the signature is the named signer's, over this body."""
    try:
        public_key = public_key_of(bundle.signature.signer)
        message = signed_hash(bundle.body)
        return bool(sr25519.verify(bundle.signature.sr25519, message, public_key))
    except ValueError:
        return False


def signed_hash(body: Body) -> Hash:
    """Return the 32 bytes that a validator signs."""
    return tagged_hash("bundle", encode(to_json(body)))
