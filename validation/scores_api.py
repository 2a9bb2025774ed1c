"""Scores and weights for everybody: the result, and the data that it follows from."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema
from pydantic import Field

from validation import weighings
from validation.models import Weighing
from validation.scoring.report import as_json

router = Router(tags=["scores"])
# Published data never changes.
FOR_EVER = "public, max-age=31536000, immutable"


class MachineScore(Schema):
    """One machine's terms, as exact fractions in text; shares are parts of the emission, 0 to 1."""

    node: str
    hotkey: str
    uptime: str = Field(description="rented and idle together")
    capacity: str = Field(description="proven GPUs times their reference price, USD an hour")
    rented: str = Field(description="the rented part of its GPU time")
    idle: str = Field(description="the part in which it was idle and passed rounds")
    price: str
    idle_points: str
    rented_points: str
    share: str
    withheld: str = Field(description="what its rentals would have earned beyond the fee on them")
    why_not: str


class Submission(Schema):
    """The latest try to set the vector on chain: as sent, fitted to what the subnet demanded, and the chain's answer."""

    hotkey: str = Field(description="SS58 of the validator")
    status: str
    answer: str = Field(description="the chain's words, or the transaction's hash")
    uids: list[int]
    weights: list[int]
    min_allowed: int | None = Field(description="places that the subnet wanted named")
    max_share: int | None = Field(description="the most for one place, of 65,535")


class Scores(Schema):
    """The scores at a block, the vector that follows, and what the chain said to it."""

    netuid: int
    block: int
    data_sha256: str
    burnt: str
    uids: list[int]
    weights: list[int]
    machines: list[MachineScore]
    simulated: bool = Field(description="the chain, and so the emission, is a simulation")
    submission: Submission | None = Field(description="null: not sent yet")


@router.get("/scores/{block}", response=Scores, summary="Scores at a block, or the latest")
def scores(request: HttpRequest, block: str) -> dict[str, Any]:
    """Give the scores of a weighed block; ``latest`` is the newest."""
    weighing = weighings.find(block)
    data, result = weighings.scored(weighing)
    return {
        **as_json(data, result),
        "simulated": weighing.simulated,
        "submission": weighing.submissions.order_by("-pk").first(),
    }


@router.get("/scores/{block}/data", summary="The data that scores follow from")
def data(request: HttpRequest, block: str) -> HttpResponse:
    """Give the canonical data, byte for byte as its digest was made."""
    weighing: Weighing = weighings.find(block)
    answer = HttpResponse(bytes(weighing.data), content_type="application/json")
    if block != weighings.LATEST:
        answer["Cache-Control"] = FOR_EVER
    return answer
