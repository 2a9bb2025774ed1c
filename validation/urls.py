"""Addresses of proofs and scores."""

from django.urls import path

from validation import proof_views, score_views

urlpatterns = [
    path("proofs", proof_views.proofs, name="proofs"),
    path("proofs/bands", proof_views.bands, name="proof_bands"),
    path("proofs/prove.pyz", proof_views.prover, name="prover"),
    path("proofs/<uuid:proof_id>", proof_views.proof, name="proof"),
    path("proofs/<uuid:proof_id>/bundle.json", proof_views.bundle, name="proof_bundle"),
    path(
        "provide/machines/<uuid:machine_id>/proofs",
        proof_views.machine_proofs,
        name="provider_proofs",
    ),
    path("provide/machines/<uuid:machine_id>/prove", proof_views.prove_now, name="provider_prove"),
    path("scores", score_views.scores, name="scores"),
]
