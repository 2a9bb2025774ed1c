"""Signed extrinsics: made here with a nonce of our own, mortal, and sent as often as it takes."""

from dataclasses import dataclass
from typing import Any, Final

from bittensor_core import era_birth

from billing.chain.port import SignedTransfer, Signer, TransferRefused
from billing.chain.subtensor import answers
from billing.chain.subtensor.errors import RpcRefused
from billing.chain.subtensor.headers import Header
from billing.chain.subtensor.rpc import Connection
from billing.chain.subtensor.runtimes import Runtime

# Blocks that a signature lives: at 12 seconds a block about 13 minutes.
LIFE: Final = 64
SR25519: Final = 1
# A node's pool says these where a transfer, or another with its nonce, is there already or in a block.
TEMPORARILY_BANNED: Final = 1012
ALREADY_IMPORTED: Final = 1013
TOO_LOW_PRIORITY: Final = 1014
NONCE_USED: Final = ("outdated", "stale")


@dataclass(frozen=True, slots=True)
class Moment:
    """What a signature is bound to: the chain, its runtime, and the final block that it is born at."""

    genesis: str
    runtime: Runtime
    head: Header
    birth_hash: str


def birth_of(head: Header) -> int:
    """Give the number of the block that a signature made now is born at; it is final already."""
    return int(era_birth(LIFE, head.number))


def sign(
    moment: Moment, signer: Signer, pallet: str, call: str, params: dict[str, Any], *, nonce: int
) -> SignedTransfer:
    """Sign a call.

    :raises TransferRefused: the chain has no such call.
    """
    core = moment.runtime.core
    try:
        call_data = moment.runtime.compose(pallet, call, params)
    except ValueError as error:
        raise TransferRefused(
            f"Runtime {moment.runtime.version.spec} of this chain does not know {pallet}.{call} as we do.",
            hint="It is too old, or too new for this version.",
        ) from error
    era = {"period": LIFE, "current": moment.head.number}
    common = {"era": era, "nonce": nonce, "tip": 0, "tip_asset_id": None}
    payload = core.signature_payload(
        call_data,
        genesis_hash=answers.octets(moment.genesis),
        era_block_hash=answers.octets(moment.birth_hash),
        **common,
    )
    body, digest = core.encode_signed_extrinsic(
        call_data,
        public_key=bytes(signer.public_key),
        signature=bytes(signer.sign(bytes(payload))),
        signature_version=SR25519,
        **common,
    )
    return SignedTransfer(
        hash="0x" + bytes(digest).hex(),
        body="0x" + bytes(body).hex(),
        nonce=nonce,
        last_block=birth_of(moment.head) + LIFE - 1,
    )


def send(connection: Connection, body: str) -> str:
    """Hand an extrinsic to a node's pool; give its words where it refuses, empty where it takes it or has it."""
    try:
        connection.ask("author_submitExtrinsic", body)
    except RpcRefused as error:
        words = str(error)
        if error.code in {ALREADY_IMPORTED, TEMPORARILY_BANNED, TOO_LOW_PRIORITY}:
            return ""
        return "" if any(one in words.lower() for one in NONCE_USED) else words
    return ""


def fee(connection: Connection, moment: Moment, body: bytes) -> int:
    """Ask what an extrinsic would cost, in rao; its signature is not looked at."""
    answer = connection.ask(
        "state_call",
        "TransactionPaymentApi_query_info",
        "0x" + (body + len(body).to_bytes(4, "little")).hex(),
        moment.head.hash,
    )
    kind = moment.runtime.apis["TransactionPaymentApi"]["query_info"]["output"]
    info = answers.mapping(moment.runtime.decode(kind, answers.octets(answer)))
    return answers.natural(info.get("partial_fee"))
