"""What happened in a block, from its events: transfers, stake transfers and what became of each signed extrinsic."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from billing.chain.port import Outcome, StakeTransfer, Transfer
from billing.chain.subtensor import answers
from billing.chain.subtensor.errors import EndpointFailed
from billing.chain.subtensor.runtimes import Runtime


@dataclass(frozen=True, slots=True)
class Happened:
    """The part of a block that the port tells."""

    transfers: tuple[Transfer, ...]
    outcomes: tuple[Outcome, ...]
    stake_transfers: tuple[StakeTransfer, ...]


def read(runtime: Runtime, *, events: bytes, extrinsics: Sequence[bytes]) -> Happened:
    """Decode a block's events with its runtime and sort out what the port tells.

    :raises EndpointFailed: they are no events of this runtime.
    """
    kind = runtime.core.storage_entry("System", "Events").value_type
    records = answers.sequence(runtime.decode(kind, events))
    hashes = [answers.blake2(one) for one in extrinsics]
    try:
        return Happened(
            tuple(_transfers(records, hashes)),
            tuple(_outcomes(runtime, records, extrinsics, hashes)),
            tuple(_stake_transfers(records, hashes)),
        )
    except (KeyError, IndexError, TypeError) as error:
        raise EndpointFailed(f"An event has another form than it had: {error!r}") from error


def _transfers(records: list[Any], hashes: Sequence[str]) -> list[Transfer]:
    return [
        Transfer(
            event_index=place,
            sender=fields["from"],
            destination=fields["to"],
            rao=int(fields["amount"]),
            extrinsic_hash=_hash(record, hashes),
        )
        for place, record in enumerate(records)
        if (fields := _fields(record, "Balances", "Transfer")) is not None
    ]


def _stake_transfers(records: list[Any], hashes: Sequence[str]) -> list[StakeTransfer]:
    found, begun = [], 0
    for place, record in enumerate(records):
        fields = _fields(record, "SubtensorModule", "StakeTransferred")
        if fields is None:
            continue
        sender, destination, hotkey, origin_netuid, netuid, _ = fields
        given = _alpha_given(records[begun:place], record["extrinsic_idx"], destination, netuid)
        # What is swapped on its way to another subnet may be too little to be staked there again.
        if given is None and origin_netuid == netuid:
            raise EndpointFailed("A stake transfer does not tell how much alpha was given.")
        found.append(
            StakeTransfer(
                place, sender, destination, hotkey, netuid, given or 0, _hash(record, hashes)
            )
        )
        begun = place + 1
    return found


def _alpha_given(before: list[Any], extrinsic: int, coldkey: str, netuid: int) -> int | None:
    """Find how much alpha a transfer gave: its own event tells its worth in TAO, the one just before it the alpha.

    :param before: what happened since the stake transfer before it, whose alpha is not counted twice
    """
    for record in reversed(before):
        fields = _fields(record, "SubtensorModule", "StakeAdded")
        if fields is None or record["extrinsic_idx"] != extrinsic:
            continue
        owner, _, _, alpha, added_netuid, *_ = fields
        if (owner, added_netuid) == (coldkey, netuid):
            return int(alpha)
    return None


def _outcomes(
    runtime: Runtime, records: list[Any], extrinsics: Sequence[bytes], hashes: Sequence[str]
) -> list[Outcome]:
    fees, failures = {}, {}
    burnt: defaultdict[tuple[int, str], int] = defaultdict(int)
    for record in records:
        if (paid := _fields(record, "TransactionPayment", "TransactionFeePaid")) is not None:
            fees[record["extrinsic_idx"]] = int(paid["actual_fee"])
        if (failed := _fields(record, "System", "ExtrinsicFailed")) is not None:
            failures[record["extrinsic_idx"]] = runtime.error_name(failed["dispatch_error"])
        # What is too little to keep an account alive goes with it.
        if (lost := _fields(record, "Balances", "DustLost")) is not None:
            burnt[record["extrinsic_idx"], lost["account"]] += int(lost["amount"])
    signed = ((place, runtime.signature(body)) for place, body in enumerate(extrinsics))
    return [
        Outcome(
            extrinsic_hash=hashes[place],
            signer=signature.signer,
            fee_rao=fees.get(place, 0) + burnt[place, signature.signer],
            failed=failures.get(place, ""),
            nonce=signature.nonce,
        )
        for place, signature in signed
        if signature is not None
    ]


def _fields(record: dict[str, Any], pallet: str, event: str) -> Any:
    if record["module_id"] != pallet or record["event_id"] != event:
        return None
    return record["attributes"]


def _hash(record: dict[str, Any], hashes: Sequence[str]) -> str:
    return hashes[record["extrinsic_idx"]] if record["phase"] == "ApplyExtrinsic" else ""
