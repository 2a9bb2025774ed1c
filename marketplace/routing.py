"""Websocket routes of the marketplace app."""

from django.urls import URLPattern, path

from marketplace.consumers import MachineConsumer, MachineListConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("ws/provide/machines", MachineListConsumer.as_asgi()),
    path("ws/provide/machines/<uuid:machine_id>", MachineConsumer.as_asgi()),
]
