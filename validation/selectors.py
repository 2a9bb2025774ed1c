"""Reads of validation, shaped for pages and API."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from marketplace.models import Node
from validation.models import (
    Band,
    CheckStatus,
    Proof,
    ProofStatus,
    ProofTry,
    Purpose,
    Round,
    Verdict,
)

TITLES: Final = {
    "encoding": "Encoding",
    "signature": "Signature",
    "signer": "Signer",
    "parameters": "Size of the proof",
    "seeds": "Nonces fixed beforehand",
    "commitment": "Commitment",
    "tiles": "Opened tiles",
    "sweeps": "Memory read back",
    "order": "Order of the phases",
    "beacon": "Beacon blocks",
    "times": "Times",
    "count": "Number of cards",
    "identity": "Identity of the cards",
    "memory": "Memory",
    "verdict": "Verdict",
    "listing": "Cards as listed",
    "twins": "Cards of one machine",
    "age": "Age of the last proof",
    "processes": "Who computes there",
    "held_memory": "Held memory",
}
# The plot of a machine's history, in units of its own view box.
WIDTH, HEIGHT, MARGIN = 320, 96, 8
CHART: Final = 30
DECIDED: Final = (Verdict.PASS, Verdict.FAIL)


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check as pages show it."""

    id: str
    title: str
    status: str
    word: str
    measured: str
    required: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One proof in a machine's history: a bar as high as its seconds, in the plot's units."""

    proof: Proof
    x: float
    y: float
    width: float
    height: float
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineProofs:
    """What a machine's pages say of the proofs of its GPUs; ``heading`` is the last that decided, or else the last."""

    heading: Proof | None
    under_way: Proof | None
    rows: Sequence[Proof]
    bars: Sequence[Bar]
    longest_seconds: float | None
    next_at: datetime | None


def machine_proofs(node: Node) -> MachineProofs:
    """Give a machine's proofs, newest first, the one that it stands by, and the next round."""
    proofs = Proof.objects.filter(node=node).defer("bundle").order_by("-id")
    rows = list(proofs[:CHART])
    done = [row for row in rows if row.status == ProofStatus.DONE]
    # Looks at rented GPUs ask nothing of them, and there may be many since the last proof.
    decided = proofs.filter(verdict__in=DECIDED).exclude(purpose=Purpose.LOOK).first()
    bars = history([row for row in reversed(done) if not row.is_look])
    return MachineProofs(
        heading=decided or (done[0] if done else None),
        under_way=next((row for row in rows if row.is_open), None),
        rows=rows,
        bars=bars,
        longest_seconds=max((bar.seconds for bar in bars if bar.seconds), default=None),
        next_at=next_round_at(),
    )


def history(proofs: Sequence[Proof]) -> list[Bar]:
    """Lay proofs out as bars, oldest first; one without times has no height of its own."""
    seconds = [proof_seconds(proof) for proof in proofs]
    longest = max((value for value in seconds if value), default=1.0)
    step = (WIDTH - 2 * MARGIN) / max(CHART, 1)
    room = HEIGHT - 2 * MARGIN
    bars = []
    for index, (proof, value) in enumerate(zip(proofs, seconds, strict=True)):
        height = max(2.0, room * value / longest) if value else 2.0
        x, y = MARGIN + index * step, HEIGHT - MARGIN - height
        bars.append(
            Bar(proof, round(x, 1), round(y, 1), round(step * 0.7, 1), round(height, 1), value)
        )
    return bars


def proof_seconds(proof: Proof) -> float | None:
    """Give what fill and sweeps took together; None where nothing was measured."""
    if proof.fill_us is None or proof.sweep_us is None:
        return None
    return (proof.fill_us + proof.sweep_us) / 1e6


def checks_of(proof: Proof) -> list[CheckRow]:
    """List a proof's checks in the order in which they build on each other."""
    return [
        CheckRow(
            id=check.check_id,
            title=TITLES.get(check.check_id, check.check_id),
            status=check.status,
            word=str(CheckStatus(check.status).label),
            measured=check.measured,
            required=check.required,
            remedy=check.remedy,
        )
        for check in proof.checks.order_by("position")
    ]


def tries_of(proof: Proof) -> list[ProofTry]:
    """List the tries that did not end a proof, of which something is known."""
    return list(proof.tries.select_related("proof").defer("record").order_by("number"))


def next_round_at() -> datetime | None:
    """Say when the next round is due; None before the first."""
    return Round.objects.order_by("-id").values_list("next_at", flat=True).first()


def newest_bands() -> list[Band]:
    """List the newest version of each band."""
    rows = Band.objects.select_related("gpu_model", "met_by")
    newest = rows.order_by("gpu_model", "shape", "-version").distinct("gpu_model", "shape")
    return sorted(newest, key=lambda band: (band.simulated, band.gpu_model.name, band.shape))
