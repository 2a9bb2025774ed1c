"""What the API says of proofs."""

from typing import Any
from uuid import UUID

from ninja import Schema
from pydantic import Field

from core.clock import iso
from validation.models import Band, Proof, ProofTry
from validation.selectors import CheckRow


class CheckOut(Schema):
    """One check: what was measured, what is required, and how to mend it."""

    id: str
    title: str
    status: str = Field(description="pass, fail, unknown or not_checked")
    measured: str
    required: str
    remedy: str


class ProofOut(Schema):
    """A proof of one machine's GPUs; times are ISO 8601 UTC."""

    id: UUID
    node_id: UUID
    gpu_model: str
    gpu_count: int
    simulated: bool = Field(description="the cards are simulated: nothing is proven of hardware")
    purpose: str
    status: str = Field(description="wanted, running or done")
    verdict: str | None = Field(description="pass, fail, unknown or not_run; null until it is done")
    reason: str
    wanted_at: str | None
    finished_at: str | None
    beacon_block: int | None
    fill_seconds: float | None
    sweep_seconds: float | None
    bundle_sha256: str | None
    bundle_url: str | None = Field(description="the signed bundle, for `./market verify`")


class TryOut(Schema):
    """A try that did not end the proof; its record is what was exchanged until it broke off."""

    number: int
    ended_at: str | None
    reason: str
    record_sha256: str
    record_url: str


class ProofDetail(ProofOut):
    """A proof with every check."""

    checks: list[CheckOut]
    tries: list[TryOut]
    next_round_at: str | None


class BandOut(Schema):
    """What a GPU model takes for one shape of proof, from stored samples."""

    gpu_model: str
    shape: str
    version: int
    simulated: bool
    shadow: bool = Field(description="nobody is held to it: too few samples, or a cheaper model")
    met_by: str | None = Field(description="a cheaper model whose cards could meet it")
    fill_median_us: int
    fill_mad_us: int
    sweep_median_us: int
    sweep_mad_us: int
    sample_count: int
    machine_count: int
    published_at: str | None


class BeaconOut(Schema):
    """A block whose hash nobody knew before it was made."""

    chain: str = Field(description="name and genesis")
    number: int
    hash: str = Field(description="hexadecimal, without 0x")
    made_at_us: int = Field(description="microseconds since 1970 UTC")


def proof_out(proof: Proof) -> dict[str, Any]:
    """Shape a proof for the API."""
    return {
        "id": proof.public_id,
        "node_id": proof.node.public_id,
        "gpu_model": proof.gpu_model.name,
        "gpu_count": proof.gpu_count,
        "simulated": proof.simulated,
        "purpose": proof.purpose,
        "status": proof.status,
        "verdict": proof.verdict or None,
        "reason": proof.reason,
        "wanted_at": iso(proof.wanted_at),
        "finished_at": iso(proof.finished_at),
        "beacon_block": proof.beacon_number,
        "fill_seconds": _seconds(proof.fill_us),
        "sweep_seconds": _seconds(proof.sweep_us),
        "bundle_sha256": proof.bundle_sha256 or None,
        "bundle_url": f"/api/proofs/{proof.public_id}/bundle" if proof.bundle_sha256 else None,
    }


def check_out(check: CheckRow) -> dict[str, str]:
    """Shape a check for the API."""
    names = ("id", "title", "status", "measured", "required", "remedy")
    return {name: getattr(check, name) for name in names}


def try_out(one: ProofTry) -> dict[str, Any]:
    """Shape a try for the API."""
    return {
        "number": one.number,
        "ended_at": iso(one.ended_at),
        "reason": one.reason,
        "record_sha256": one.record_sha256,
        "record_url": f"/api/proofs/{one.proof.public_id}/tries/{one.number}",
    }


def band_out(band: Band) -> dict[str, Any]:
    """Shape a band for the API."""
    plain = {name: getattr(band, name) for name in BandOut.model_fields if name != "gpu_model"}
    met_by = band.met_by.name if band.met_by else None
    shaped = {"gpu_model": band.gpu_model.name, "met_by": met_by}
    return {**plain, **shaped, "published_at": iso(band.published_at)}


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / 1e6
