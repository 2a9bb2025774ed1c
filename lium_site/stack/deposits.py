"""The keys of a market on one machine: public halves for every program, seeds for the one worker that signs."""

from bittensor_core import Keypair

from lium_site.stack.paths import State, write_private


def public_environment(state: State) -> dict[str, str]:
    """Return what derives an address for each invoice and names where deposits are swept to; nothing that signs."""
    seed = _seed(state)
    return {
        "MARKET_DEPOSIT_PUBLIC_KEY": f"0x{bytes(Keypair.create_from_uri(seed).public_key).hex()}",
        "MARKET_TREASURY_ADDRESS": str(Keypair.create_from_uri(_treasury(seed)).ss58_address),
    }


def signing_environment(state: State) -> dict[str, str]:
    """Return what the one worker needs that signs: sweeps with the deposit key, payouts with the treasury's."""
    file = state.folder / "payout-seed"
    if not file.exists():
        write_private(file, _treasury(_seed(state)))
    return {
        "MARKET_DEPOSIT_SEED_FILE": str(state.folder / "deposit-seed"),
        "MARKET_PAYOUT_SEED_FILE": str(file),
    }


def _treasury(seed: str) -> str:
    return f"{seed}//treasury"


def _seed(state: State) -> str:
    """Return the seed, made up on the first call; without it what was paid in cannot be swept."""
    file = state.folder / "deposit-seed"
    if not file.exists():
        write_private(file, Keypair.generate_mnemonic())
    return file.read_text().strip()
