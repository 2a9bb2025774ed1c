"""The local chain over HTTP; mounted only where it is the market's chain."""

from django.urls import path

from billing import localchain_views as views

urlpatterns = [
    path("head", views.head, name="localchain_head"),
    path("blocks/<int:number>", views.block, name="localchain_block"),
    path("accounts/<str:address>", views.account, name="localchain_account"),
    path("accounts/<str:address>/stake/<int:netuid>", views.stake, name="localchain_stake"),
    path("faucet", views.faucet, name="localchain_faucet"),
    path("subnets/<int:netuid>/neurons", views.neurons, name="localchain_neurons"),
    path(
        "subnets/<int:netuid>/registrations",
        views.registrations,
        name="localchain_registrations",
    ),
    path("transfers", views.transfers, name="localchain_transfers"),
]
