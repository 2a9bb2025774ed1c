"""Pages of billing."""

from django.urls import path

from billing import deposit_views, views

urlpatterns = [
    path("billing", views.overview, name="billing"),
    path("billing/statement", views.statement, name="statement"),
    path("billing/checkout", views.checkout, name="checkout"),
    path("billing/invoices/<uuid:invoice_id>", views.invoice, name="invoice"),
    path("billing/invoices/<uuid:invoice_id>/live", views.invoice_live, name="invoice_live"),
    path("billing/invoices/<uuid:invoice_id>/file", views.invoice_file, name="invoice_file"),
    path(
        "billing/invoices/<uuid:invoice_id>/test-payment",
        views.invoice_pay_with_test_tao,
        name="invoice_pay_with_test_tao",
    ),
    path("billing/deposits", deposit_views.deposits, name="deposits"),
    path("billing/deposits/live", deposit_views.deposits_live, name="deposits_live"),
    path("billing/deposits/test-payment", deposit_views.deposit_test_tao, name="deposit_test_tao"),
    path("billing/deposits/<uuid:deposit_id>", deposit_views.deposit, name="deposit"),
    path(
        "billing/deposits/<uuid:deposit_id>/live", deposit_views.deposit_live, name="deposit_live"
    ),
    path("billing/coldkeys", deposit_views.linked_coldkeys, name="coldkeys"),
    path(
        "billing/coldkeys/<str:address>/unlink",
        deposit_views.coldkey_unlink,
        name="coldkey_unlink",
    ),
    path("billing/alpha", deposit_views.pay_in_alpha, name="alpha"),
]
