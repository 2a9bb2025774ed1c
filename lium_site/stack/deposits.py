"""The deposit key of a market on one machine: its public half for every program, its seed for the worker that sweeps."""

from bittensor_core import Keypair

from lium_site.stack.paths import State, write_private


def public_environment(state: State) -> dict[str, str]:
    """Return what derives an address for each invoice and names where deposits are swept to; nothing that signs."""
    seed = _seed(state)
    return {
        "MARKET_DEPOSIT_PUBLIC_KEY": f"0x{bytes(Keypair.create_from_uri(seed).public_key).hex()}",
        "MARKET_TREASURY_ADDRESS": str(Keypair.create_from_uri(f"{seed}//treasury").ss58_address),
    }


def signing_environment(state: State) -> dict[str, str]:
    """Return what the one worker needs that signs sweeps."""
    return {"MARKET_DEPOSIT_SEED_FILE": str(state.folder / "deposit-seed")}


def _seed(state: State) -> str:
    """Return the seed, made up on the first call; without it what was paid in cannot be swept."""
    file = state.folder / "deposit-seed"
    if not file.exists():
        write_private(file, Keypair.generate_mnemonic())
    return file.read_text().strip()
