"""Addresses of proofs and scores."""

from django.urls import path

from validation import score_views

urlpatterns = [
    path("scores", score_views.scores, name="scores"),
]
