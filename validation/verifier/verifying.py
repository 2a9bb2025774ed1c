"""Verify a bundle: everything that its signer claims is recomputed."""

from validation.proof.bundle.records import Body, Bundle, Status, Transcript
from validation.proof.bundle.signing import is_signed, read
from validation.verifier.chain import Chain, check_beacons
from validation.verifier.judging import judge, statuses
from validation.verifier.report import Check, Report, check, verdict_of


def verify(
    data: bytes,
    *,
    signer: str | None = None,
    chain: Chain | None = None,
    judged: tuple[Transcript, list[Check]] | None = None,
) -> Report:
    """Check a bundle's bytes.

    :param signer: the SS58 address that must have signed; not checked without one
    :param chain: where the beacon's blocks are looked up; not checked without one
    :param judged: a transcript with what `judge` found of it; if it is the bundle's, nothing is computed again
    :raises Malformed: these bytes are not a bundle
    """
    bundle = read(data)
    transcript = bundle.body.transcript
    found = judged[1] if judged and judged[0] == transcript else judge(transcript)
    checks = (
        check(
            "encoding",
            True,
            measured=f"{len(data):,} bytes, canonical",
            required="the one encoding of a bundle",
        ),
        _check_signature(bundle),
        _check_signer(bundle, signer),
        check_beacons(transcript, chain),
        *found,
        _check_verdict(bundle.body, found),
    )
    return Report(bundle, checks)


def _check_signature(bundle: Bundle) -> Check:
    holds = is_signed(bundle)
    return check(
        "signature",
        holds,
        measured=f"{'by' if holds else 'not by'} {bundle.signature.signer}",
        required="the signer's sr25519 signature over the body",
        remedy="The bundle was changed after it was signed, or somebody else signed it.",
    )


def _check_signer(bundle: Bundle, expected: str | None) -> Check:
    signer = bundle.signature.signer
    if expected is None:
        remedy = "Name the validator that you expect: --signer SS58."
        return Check("signer", Status.NOT_CHECKED, signer, "a validator of the subnet", remedy)
    return check(
        "signer",
        signer == expected,
        measured=signer,
        required=expected,
        remedy="Get the bundle of the validator that you expect.",
    )


def _check_verdict(body: Body, found: list[Check]) -> Check:
    verdict = verdict_of(found)
    differing = sorted(
        name
        for name in body.checks.keys() | statuses(found).keys()
        if body.checks.get(name) != statuses(found).get(name)
    )
    stated = f"stated {body.verdict}, recomputed {verdict}"
    return check(
        "verdict",
        body.verdict == verdict and not differing,
        measured=stated + (f"; other results: {', '.join(differing)[:200]}" if differing else ""),
        required="what the checks come to",
        remedy="The validator stated something else than its own transcript shows.",
    )
