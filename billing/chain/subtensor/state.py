"""Reading what a chain stores, at one block, with the runtime that the block holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from billing.chain.subtensor import answers
from billing.chain.subtensor.errors import EndpointFailed
from billing.chain.subtensor.headers import Header
from billing.chain.subtensor.rpc import Connection
from billing.chain.subtensor.runtimes import Runtime

Item: TypeAlias = tuple[str, Sequence[Any]]
PALLET = "SubtensorModule"


@dataclass(frozen=True, slots=True)
class State:
    """What is stored at a block."""

    connection: Connection
    runtime: Runtime
    at: Header

    def read(self, pallet: str, item: str, *keys: Any) -> Any:
        """Read one item; what was never stored has its default, or is None."""
        return self.read_all(pallet, [(item, keys)])[0]

    def read_all(self, pallet: str, items: Sequence[Item]) -> list[Any]:
        """Read several items of a pallet with one question.

        :raises EndpointFailed: the runtime stores none of that name, or the answer is none.
        """
        if not items:
            return []
        keys = [self._key(pallet, item, params) for item, params in items]
        changes = answers.sequence(self.connection.ask("state_queryStorageAt", keys, self.at.hash))
        if len(changes) != 1:
            raise EndpointFailed(f"It does not know the state at block {self.at.number}.")
        pairs = answers.sequence(answers.mapping(changes[0]).get("changes"))
        found = dict(map(answers.pair, pairs))
        if not found.keys() >= set(keys):
            raise EndpointFailed("It answered for other keys than were asked.")
        return [
            self.runtime.stored(pallet, item, found[key])
            for key, (item, _) in zip(keys, items, strict=True)
        ]

    def call(self, api: str, method: str, *params: Any) -> Any:
        """Ask the runtime itself.

        :raises KeyError: it answers no such question.
        """
        spec = self.runtime.apis[api][method]
        encoded = b"".join(
            bytes(self.runtime.core.encode(kind, value))
            for (_, kind), value in zip(spec["inputs"], params, strict=True)
        )
        answer = self.connection.ask(
            "state_call", f"{api}_{method}", "0x" + encoded.hex(), self.at.hash
        )
        return self.runtime.decode(spec["output"], answers.octets(answer))

    def _key(self, pallet: str, item: str, params: Sequence[Any]) -> str:
        try:
            return self.runtime.storage_key(pallet, item, list(params))
        except KeyError:
            raise EndpointFailed(
                f"Runtime {self.runtime.version.spec} does not store {pallet}.{item}."
            ) from None
