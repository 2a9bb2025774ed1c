"""The one door from a request to a proof: what concerns a machine that was ever on the market is public."""

from uuid import UUID

from django.db.models import QuerySet

from core.errors import NotFound
from validation.models import Proof, ProofTry
from validation.proof.hashing import is_hex_digest


class ProofNotFound(NotFound):
    """There is no such proof."""

    code = "proof_not_found"


def public_proofs() -> QuerySet[Proof]:
    """Select the proofs that anyone may see; the bundle's bytes are left behind."""
    rows = Proof.objects.filter(node__first_listed_at__isnull=False)
    return rows.select_related("node", "gpu_model").defer("bundle")


def proof_for_visitor(public_id: UUID) -> Proof:
    """Find a proof.

    :raises ProofNotFound: there is none, or its machine was never on the market.
    """
    proof = public_proofs().filter(public_id=public_id).first()
    if proof is None:
        raise ProofNotFound(
            "There is no such proof.", hint="A machine's page lists the proofs of its GPUs."
        )
    return proof


def bundle_for_visitor(public_id: UUID) -> bytes:
    """Give a proof's bundle, the bytes that were signed.

    :raises ProofNotFound: there is no such proof, or it showed nothing that could be signed.
    """
    proof = proof_for_visitor(public_id)
    bundle = Proof.objects.values_list("bundle", flat=True).get(pk=proof.pk)
    if bundle is None:
        raise ProofNotFound("This proof has no bundle.", hint=proof.reason or "It is not done.")
    return bytes(bundle)


def bundle_by_digest(digest: str) -> bytes:
    """Give a bundle by the SHA-256 of its bytes, in hexadecimal.

    :raises ProofNotFound: there is none.
    """
    known = Proof.objects.filter(node__first_listed_at__isnull=False, bundle_sha256=digest)
    bundles = known.exclude(bundle=None).values_list("bundle", flat=True)
    bundle = bundles.first() if is_hex_digest(digest) else None
    if bundle is None:
        raise ProofNotFound("There is no such bundle.", hint="Published scores name theirs.")
    return bytes(bundle)


def try_for_visitor(public_id: UUID, number: int) -> bytes:
    """Give what was exchanged in a try that did not end its proof.

    :raises ProofNotFound: there is no such try, or nothing was exchanged in it.
    """
    proof = proof_for_visitor(public_id)
    record = ProofTry.objects.filter(proof=proof, number=number).values_list("record", flat=True)
    if (found := record.first()) is None:
        raise ProofNotFound("This try has no record.", hint="The proof lists those that have one.")
    return bytes(found)
