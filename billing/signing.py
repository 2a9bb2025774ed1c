"""Who signs for the treasury: a seed of this process alone, or a program that keeps the key elsewhere (docs/security.md)."""

import base64
import hashlib
import json
import os
import shlex
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bittensor_core import Keypair
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

from billing.chain import keys
from billing.chain.port import Signer

SEALED: Final = "sealed:v1:"
SALT_BYTES: Final = 16
# Half a second and 128 MiB a try: the passphrase is a person's.
SCRYPT: Final = {"n": 2**17, "r": 8, "p": 1, "maxmem": 2**28, "dklen": 32}
SIGNER_SECONDS: Final = 20
MOST_BYTES: Final = 4096
UNIX: Final = "unix:"


class SignerMissing(Exception):
    """This process cannot sign for the treasury, and names no program that does."""


class SignerFailed(Exception):
    """What should sign did not, or signed something else."""


def treasury_signer() -> Signer:
    """Give the treasury's signer; the secret is read at use and is never a setting.

    :raises SignerMissing: there is none here; :raises SignerFailed: the seed cannot be opened.
    """
    if settings.PAYOUT_SIGNER:
        return ExternalSigner(
            ss58_address=settings.TREASURY_ADDRESS, ask=_transport(settings.PAYOUT_SIGNER)
        )
    signer: Signer = Keypair.create_from_uri(_seed())
    return signer


def seal(seed: str, *, passphrase: str) -> str:
    """Lock a seed with a passphrase, as MARKET_PAYOUT_SEED_FILE may hold it."""
    salt = os.urandom(SALT_BYTES)
    token = Fernet(_key(passphrase, salt)).encrypt(seed.encode())
    return SEALED + salt.hex() + ":" + token.decode()


def unseal(text: str, *, passphrase: str) -> str:
    """Open what `seal` locked.

    :raises SignerFailed: the passphrase is another one, or the text is damaged.
    """
    salt, _, token = text.removeprefix(SEALED).partition(":")
    try:
        return Fernet(_key(passphrase, bytes.fromhex(salt))).decrypt(token.encode()).decode()
    except (InvalidToken, ValueError) as error:
        raise SignerFailed("MARKET_PAYOUT_PASSPHRASE does not open the payout seed.") from error


@dataclass(frozen=True, slots=True)
class ExternalSigner:
    """A key that another program keeps: it is told the address and the bytes, and each signature is checked."""

    ss58_address: str
    ask: Callable[[bytes], bytes]

    @property
    def public_key(self) -> bytes:
        """The key of the address."""
        return keys.public_key_of(self.ss58_address)

    def sign(self, message: bytes) -> bytes:
        """Have the bytes signed.

        :raises SignerFailed: it does not answer in time, refuses, or gives no signature of this key.
        """
        wish = json.dumps({"address": self.ss58_address, "message": "0x" + message.hex()})
        try:
            answer = json.loads(self.ask(wish.encode() + b"\n"))
            signature = bytes.fromhex(str(answer["signature"]).removeprefix("0x"))
        except (OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError) as error:
            raise SignerFailed(f"The signer gave no signature: {error!r}"[:300]) from error
        if not keys.verifies(self.public_key, message, signature):
            raise SignerFailed("The signer's answer is no signature of the treasury's key.")
        return signature


def _seed() -> str:
    text = os.environ.get("MARKET_PAYOUT_SEED", "")
    if not text and (path := os.environ.get("MARKET_PAYOUT_SEED_FILE")):
        text = Path(path).read_text().strip()
    if not text:
        raise SignerMissing(
            "Set MARKET_PAYOUT_SEED_FILE, or MARKET_PAYOUT_SIGNER, for the worker of the queue `payout`."
        )
    if not text.startswith(SEALED):
        return text
    return unseal(text, passphrase=os.environ.get("MARKET_PAYOUT_PASSPHRASE", ""))


def _key(passphrase: str, salt: bytes) -> bytes:
    return base64.urlsafe_b64encode(hashlib.scrypt(passphrase.encode(), salt=salt, **SCRYPT))


def _transport(where: str) -> Callable[[bytes], bytes]:
    if where.startswith(UNIX):
        path = where.removeprefix(UNIX)
        return lambda wish: _over_socket(path, wish)
    command = shlex.split(where)
    return lambda wish: _over_pipe(command, wish)


def _over_socket(path: str, wish: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(SIGNER_SECONDS)
        line.connect(path)
        line.sendall(wish)
        with line.makefile("rb") as answer:
            return answer.readline(MOST_BYTES)


def _over_pipe(command: list[str], wish: bytes) -> bytes:
    done = subprocess.run(  # noqa: S603  # the operator's own command
        command, input=wish, stdout=subprocess.PIPE, timeout=SIGNER_SECONDS, check=True
    )
    return done.stdout[:MOST_BYTES]
