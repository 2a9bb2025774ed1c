"""Websocket routes of the billing app."""

from django.urls import URLPattern, path

from billing.consumers import InvoiceConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("ws/invoices/<uuid:invoice_id>", InvoiceConsumer.as_asgi()),
]
