"""Judging and sealing for whoever is no validator: with a key that is made for one bundle and forgotten."""

import secrets
from collections.abc import Sequence

import sr25519

from validation.proof.bundle.records import Transcript
from validation.proof.bundle.signing import seal
from validation.proof.bundle.ss58 import address_of
from validation.verifier.judging import body_of, judge
from validation.verifier.report import Check


def judged_and_sealed(transcript: Transcript) -> tuple[Sequence[Check], bytes]:
    """Return each check, and the bundle's bytes."""
    checks = judge(transcript)
    pair = sr25519.pair_from_seed(secrets.token_bytes(32))
    body, signer = body_of(transcript, checks), address_of(pair[0])
    return checks, seal(body, signer=signer, sign=lambda message: sr25519.sign(pair, message))
