"""The runtimes of a chain: which one governs a block, and what encodes and decodes for it.

A block is written by the runtime that its parent holds. Each runtime is loaded once a process, by its version.
"""

from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any, Final, cast

from bittensor_core import Runtime as Core

from billing.chain.subtensor import answers
from billing.chain.subtensor.errors import EndpointFailed
from billing.chain.subtensor.rpc import Connection

SS58_FORMAT: Final = 42
METADATA_VERSION: Final = 15
KEPT: Final = 4


@dataclass(frozen=True, slots=True)
class Version:
    """What tells two runtimes apart, and what a signature is bound to."""

    spec: int
    transaction: int


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed an extrinsic, and the nonce that it uses up."""

    signer: str
    nonce: int


class Runtime:
    """One runtime's encoding and decoding; what it does not have is a `LookupError`, what it cannot read a failure."""

    def __init__(self, metadata: bytes, version: Version) -> None:
        self.version = version
        self.core = Core(metadata, version.spec, version.transaction, SS58_FORMAT)

    def decode(self, kind: str, data: bytes) -> Any:
        """Decode a value.

        :raises EndpointFailed: it is none of this kind.
        """
        try:
            return self.core.decode(kind, data, True)
        except ValueError as error:
            raise EndpointFailed(f"Not a {kind} of runtime {self.version.spec}: {error}") from error

    def has(self, pallet: str, item: str) -> bool:
        """Say whether this runtime stores an item."""
        try:
            self.core.storage_entry(pallet, item)
        except KeyError:
            return False
        return True

    def storage_key(self, pallet: str, item: str, keys: list[Any]) -> str:
        """Give the key of a stored item.

        :raises KeyError: this runtime has none of that name.
        """
        return "0x" + bytes(self.core.storage_key(pallet, item, keys)).hex()

    def stored(self, pallet: str, item: str, answer: Any) -> Any:
        """Decode a stored value; what was never stored has its default, or is None."""
        entry = self.core.storage_entry(pallet, item)
        if answer is not None:
            return self.decode(entry.value_type, answers.octets(answer))
        if entry.modifier == "Default":
            return self.decode(entry.value_type, bytes(entry.default_bytes))
        return None

    def compose(self, pallet: str, call: str, params: dict[str, Any]) -> bytes:
        """Encode a call.

        :raises ValueError: this runtime has none of that name and these parameters.
        """
        return bytes(self.core.compose_call(pallet, call, params))

    @cached_property
    def apis(self) -> dict[str, dict[str, Any]]:
        """Give the questions that this runtime answers itself."""
        return cast("dict[str, dict[str, Any]]", self.core.runtime_api_map())

    @cached_property
    def block_seconds(self) -> int:
        """Give the time between two blocks, in whole seconds, one at least."""
        half: Any = self.core.constant("Timestamp", "MinimumPeriod")
        return max(1, round(int(half) * 2 / 1000))

    def signature(self, extrinsic: bytes) -> Signature | None:
        """Say who signed an extrinsic and with which nonce; None where nobody did."""
        try:
            found = self.core.decode_extrinsic(extrinsic, False)
        except ValueError as error:
            raise EndpointFailed(f"An extrinsic cannot be decoded: {error}") from error
        signer = found.get("address")
        return Signature(str(signer), int(found["nonce"])) if signer else None

    def error_name(self, error: Any) -> str:
        """Give the chain's own name of what made a call fail."""
        if isinstance(error, dict) and isinstance(module := error.get("Module"), dict):
            index = module["error"]
            place = int(index[2:4], 16) if isinstance(index, str) else int(index)
            return str(self.core.module_error(int(module["index"]), place)[0])
        if isinstance(error, dict) and len(error) == 1:
            return ": ".join(str(part) for part in next(iter(error.items())) if part is not None)
        return str(error)


class Runtimes:
    """The runtimes that a process has met, by version."""

    def __init__(self) -> None:
        self._known: dict[Version, Runtime] = {}
        self._lock = Lock()

    def version(self, connection: Connection, block_hash: str) -> Version:
        """Ask which runtime a block holds, which is the one of the block after it."""
        answer = answers.mapping(connection.ask("state_getRuntimeVersion", block_hash))
        return Version(
            answers.natural(answer.get("specVersion")),
            answers.natural(answer.get("transactionVersion")),
        )

    def held_by(self, connection: Connection, block_hash: str) -> Runtime:
        """Give the runtime that a block holds."""
        version = self.version(connection, block_hash)
        known = self._known.get(version)
        return known or self._load(connection, block_hash, version)

    def _load(self, connection: Connection, block_hash: str, version: Version) -> Runtime:
        answer = connection.ask(
            "state_call",
            "Metadata_metadata_at_version",
            "0x" + METADATA_VERSION.to_bytes(4, "little").hex(),
            block_hash,
        )
        metadata = _metadata(answers.octets(answer))
        try:
            runtime = Runtime(metadata, version)
        except ValueError as error:
            raise EndpointFailed(f"No metadata of runtime {version.spec}: {error}") from error
        with self._lock:
            while len(self._known) >= KEPT:
                self._known.pop(next(iter(self._known)))
            return self._known.setdefault(version, runtime)


def _metadata(option: bytes) -> bytes:
    """Unwrap an optional list of bytes: a byte that says there is one, its length, itself."""
    if option[:1] != b"\1":
        raise EndpointFailed(f"The runtime has no metadata of version {METADATA_VERSION}.")
    mode = option[1] & 3
    width = (option[1] >> 2) + 5 if mode == 3 else (1, 2, 4)[mode]
    return option[1 + width :]
