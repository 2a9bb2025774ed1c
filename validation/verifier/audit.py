"""Audits: a whole product of a card, drawn by whoever audits, recomputed from the seed alone."""

import secrets
import time
from typing import Final

from validation.proof import whole
from validation.proof.bundle.records import Transcript
from validation.proof.drawing import draw
from validation.proof.openings import Mismatch
from validation.verifier.arithmetic import card_coins, card_commitments
from validation.verifier.report import Check, check

FOUND: Final = {
    None: "both roots are equal",
    Mismatch.TILE: "it has another root than what was committed",
    Mismatch.SWEEP: "it has another root than what the sweep read",
}


def audit(transcript: Transcript, *, card: int | None = None, opening: int | None = None) -> Check:
    """Recompute the product that one opening of a bundle lies in; which one is drawn where it is not named."""
    openings = transcript.reveal.openings
    card = secrets.randbelow(len(openings)) if card is None else card
    opening = secrets.randbelow(len(openings[card])) if opening is None else opening
    commitments = card_commitments(transcript)[card]
    position = draw(card_coins(transcript)[card], commitments.parameters)[opening]
    started = time.monotonic()
    wrong = whole.mismatch(commitments, position, openings[card][opening])
    tiles = commitments.parameters.tiles_a_product
    return check(
        "audit",
        wrong is None,
        measured=f"card {card}, product {position.tile // tiles}, sweep {position.sweep}: {tiles:,} tiles recomputed in "
        f"{time.monotonic() - started:.1f} s, {FOUND[wrong]}",
        required="every tile of a product, in the commitment and in a sweep",
        remedy="Some tile of it was never computed, or not read: no drawn opening fell on it.",
    )
