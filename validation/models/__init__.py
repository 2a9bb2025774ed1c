"""Proofs of GPU, what they measured, and the bands that times are held against."""

from validation.models.band import Band
from validation.models.metagraph import Metagraph, MetagraphPlace
from validation.models.proof import (
    CheckStatus,
    Proof,
    ProofCheck,
    ProofEvent,
    ProofStatus,
    ProofTry,
    Purpose,
    Verdict,
)
from validation.models.round import Round
from validation.models.sample import CardSample
from validation.models.weighing import SubmissionStatus, Weighing, WeightsSubmission

__all__ = [
    "Band",
    "CardSample",
    "CheckStatus",
    "Metagraph",
    "MetagraphPlace",
    "Proof",
    "ProofCheck",
    "ProofEvent",
    "ProofStatus",
    "ProofTry",
    "Purpose",
    "Round",
    "SubmissionStatus",
    "Verdict",
    "Weighing",
    "WeightsSubmission",
]
