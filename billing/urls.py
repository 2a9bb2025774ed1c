"""Pages of billing."""

from django.urls import path

from billing import views

urlpatterns = [
    path("billing", views.overview, name="billing"),
    path("billing/statement", views.statement, name="statement"),
    path("billing/checkout", views.checkout, name="checkout"),
    path("billing/invoices/<uuid:invoice_id>", views.invoice, name="invoice"),
    path("billing/invoices/<uuid:invoice_id>/live", views.invoice_live, name="invoice_live"),
    path(
        "billing/invoices/<uuid:invoice_id>/test-payment",
        views.invoice_pay_with_test_tao,
        name="invoice_pay_with_test_tao",
    ),
]
