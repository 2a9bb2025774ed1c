"""Websocket routes of the rentals app."""

from django.urls import URLPattern, path

from rentals.consumers import PodConsumer, PodListConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("ws/pods", PodListConsumer.as_asgi()),
    path("ws/pods/<uuid:pod_id>", PodConsumer.as_asgi()),
]
