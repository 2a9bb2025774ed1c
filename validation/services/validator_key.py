"""The hotkey that bundles are signed with: a file as btcli writes hotkeys, made here on a local chain alone."""

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import sr25519
from django.conf import settings

from core.errors import Unavailable
from core.ss58 import address_of


class NoValidatorKey(Unavailable):
    """There is no key to sign with."""

    code = "no_validator_key"


@dataclass(frozen=True, slots=True)
class ValidatorKey:
    """An sr25519 key pair and its SS58 address; signs bundles, and weights as the chain port asks."""

    ss58_address: str
    pair: tuple[bytes, bytes] = field(repr=False)

    @property
    def public_key(self) -> bytes:
        """Give its public half; 32 bytes."""
        return self.pair[0]

    def sign(self, message: bytes) -> bytes:
        """Sign; 64 bytes."""
        return bytes(sr25519.sign(self.pair, message))


def validator_key() -> ValidatorKey:
    """Give the key of this market's validator.

    :raises NoValidatorKey: the file is missing on a real chain, or is no hotkey file.
    """
    file: Path = settings.MARKET_VALIDATOR_KEY
    try:
        return _read(file)
    except FileNotFoundError:
        if settings.MARKET_CHAIN != "local":
            raise NoValidatorKey(
                f"There is no validator key at {file}.",
                hint="Put the validator's hotkey file there, or name it in MARKET_VALIDATOR_KEY.",
            ) from None
    _make(file)
    return _read(file)


def address() -> str:
    """Give the SS58 address that this market's bundles are signed with; empty before the first."""
    try:
        return _read(settings.MARKET_VALIDATOR_KEY).ss58_address
    except (OSError, NoValidatorKey):
        return ""


def _read(file: Path) -> ValidatorKey:
    try:
        seed = bytes.fromhex(json.loads(file.read_text())["secretSeed"].removeprefix("0x"))
        pair = sr25519.pair_from_seed(seed)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoValidatorKey(
            f"{file} is not an unencrypted hotkey file.", hint="Write it with btcli."
        ) from error
    return ValidatorKey(address_of(pair[0]), pair)


def _make(file: Path) -> None:
    """Make a key for a local chain; whoever comes second finds the first one's."""
    seed = secrets.token_bytes(32)
    content = {
        "label": "made for this market's local chain; worth nothing elsewhere",
        "secretSeed": f"0x{seed.hex()}",
        "ss58Address": address_of(sr25519.pair_from_seed(seed)[0]),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        json.dump(content, stream, indent=2)
    try:
        # A link, not a rename: it never takes the place of a key that is there.
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
