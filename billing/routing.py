"""Websocket routes of the billing app."""

from django.urls import URLPattern, path

from billing.consumers import DepositConsumer, DepositsConsumer, InvoiceConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("ws/invoices/<uuid:invoice_id>", InvoiceConsumer.as_asgi()),
    path("ws/deposits", DepositsConsumer.as_asgi()),
    path("ws/deposits/<uuid:deposit_id>", DepositConsumer.as_asgi()),
]
