"""Pages of the market."""

from django.urls import URLPattern, URLResolver, include, path

from marketplace import (
    coldkey_views,
    provide_views,
    register_views,
    request_views,
    setup_views,
    views,
    webhook_views,
)

WEBHOOK = "account/webhooks/<uuid:webhook_id>"
RENTING = {"side": webhook_views.WORKSPACE}

urlpatterns: list[URLPattern | URLResolver] = [
    path("machines", views.machines, name="machines"),
    path("machines/requests", request_views.machine_request, name="machine_request"),
    path(
        "machines/requests/<uuid:wish_id>/withdraw",
        request_views.machine_request_withdraw,
        name="machine_request_withdraw",
    ),
    path("machines/<uuid:public_id>", views.machine, name="machine"),
    path("provide", provide_views.provide, name="provide"),
    path("provide/machines/add", setup_views.add, name="provider_add"),
    path("provide/machines/register", register_views.register, name="provider_register"),
    path(
        "provide/machines/<uuid:public_id>/setup/<slug:step>",
        setup_views.setup,
        name="provider_setup",
    ),
    path("provide/coldkey", coldkey_views.coldkey, name="provider_coldkey"),
    path("provide/install/<str:token>", setup_views.install_script, name="provider_install"),
    path("account/webhooks", webhook_views.page, RENTING, name="workspace_webhooks"),
    path(f"{WEBHOOK}/test", webhook_views.send_test, RENTING, name="workspace_webhook_test"),
    path(f"{WEBHOOK}/enable", webhook_views.enable, RENTING, name="workspace_webhook_enable"),
    path(f"{WEBHOOK}/delete", webhook_views.delete, RENTING, name="workspace_webhook_delete"),
    path("provide/", include("marketplace.console.urls")),
]
