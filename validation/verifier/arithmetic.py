"""The checks that cost work to forge: opened tiles are recomputed, in the commitment and in the sweeps."""

from collections.abc import Sequence

from validation.proof.bundle import transcript as phases
from validation.proof.bundle.records import Transcript
from validation.proof.drawing import Position, draw
from validation.proof.openings import CardVerifier, Commitments, Mismatch, Opening
from validation.verifier.report import Check, check


def check_openings(transcript: Transcript) -> list[Check]:
    """Recompute the openings of every card, up to the first that does not hold."""
    done = 0
    for index, (commitments, coin) in enumerate(
        zip(card_commitments(transcript), card_coins(transcript), strict=True)
    ):
        positions = draw(coin, commitments.parameters)
        found = first_mismatch(commitments, positions, transcript.reveal.openings[index])
        if found:
            number, mismatch = found
            return _failed(f"card {index}, opening {number}", positions[number], mismatch)
        done += len(positions)
    measured = f"{done} openings of {len(transcript.statement.cards)} cards recomputed, all equal"
    return [
        check("tiles", True, measured=measured, required="every drawn tile, bit for bit"),
        check("sweeps", True, measured=measured, required="the same tiles in their drawn sweeps"),
    ]


def first_mismatch(
    commitments: Commitments, positions: Sequence[Position], openings: Sequence[Opening]
) -> tuple[int, Mismatch] | None:
    """Recompute one card's openings in order; return the number of the first wrong one, and where it is wrong."""
    verifier = CardVerifier(commitments)
    for number, (position, opening) in enumerate(zip(positions, openings, strict=True)):
        mismatch = verifier.mismatch(position, opening)
        if mismatch:
            return number, mismatch
    return None


def card_commitments(transcript: Transcript) -> list[Commitments]:
    """Return what each card had committed to before anything was drawn."""
    statement, residency = transcript.statement, transcript.residency
    nonce = _sweep_nonce(transcript)
    return [
        Commitments(seed, card.parameters, root, nonce, tops)
        for seed, card, root, tops in zip(
            phases.card_seeds(statement),
            statement.cards,
            transcript.commitment.roots,
            residency.tops,
            strict=True,
        )
    ]


def card_coins(transcript: Transcript) -> list[bytes]:
    """Return each card's coin, which follows from all that the transcript holds before the openings."""
    reveal = transcript.reveal
    return phases.coins(
        _sweep_nonce(transcript),
        transcript.residency,
        nonce=reveal.nonce,
        beacon=reveal.beacon,
        drawn_at=reveal.drawn_at,
    )


def _sweep_nonce(transcript: Transcript) -> bytes:
    residency = transcript.residency
    return phases.sweep_nonce(
        transcript.statement,
        transcript.commitment,
        nonce=residency.nonce,
        sent_at=residency.sent_at,
    )


def _failed(where: str, position: Position, mismatch: Mismatch) -> list[Check]:
    """Say which tree is wrong; a tile that was never computed fails both."""
    in_tiles = mismatch is Mismatch.TILE
    return [
        check(
            "tiles",
            not in_tiles,
            measured=f"{where}: tile {position.tile} is not what was committed"
            if in_tiles
            else f"the openings up to {where} are equal",
            required="every drawn tile, bit for bit",
            remedy="Run the prover's self-test: the card computed something else, or another machine's proof was sent.",
        ),
        check(
            "sweeps",
            False,
            measured="not reached"
            if in_tiles
            else f"{where}: sweep {position.sweep} did not read tile {position.tile}",
            required="the same tiles in their drawn sweeps",
            remedy="All products must stay in the card's memory until the last sweep has ended.",
        ),
    ]
