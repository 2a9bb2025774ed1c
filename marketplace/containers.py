"""How a machine knows renters' containers, and where the stand-in of simulated GPUs lies: rentals puts both there, validation looks."""

from typing import Final

POD_LABEL: Final = "io.lium.pod"
MARKET_LABEL: Final = "io.lium.market"


def simulated_directory(state_dir: str) -> str:
    """Locate the stand-in for nvidia-smi, and its table, on a machine of simulated GPUs."""
    return f"{state_dir}/simulated"
