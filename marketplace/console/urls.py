"""Pages of the console."""

from django.urls import path

from marketplace import webhook_views
from marketplace.console import machines, money, telling

ONE = "machines/<uuid:machine_id>"
WEBHOOK = "webhooks/<uuid:webhook_id>"
PROVIDING = {"side": webhook_views.PROVIDER}

urlpatterns = [
    path("machines", machines.machines, name="provider"),
    path("machines/live", machines.machines_live, name="provider_live"),
    path(ONE, machines.machine, name="provider_node"),
    path(f"{ONE}/live", machines.machine_live, name="provider_node_live"),
    path(f"{ONE}/price", machines.machine_price, name="provider_price"),
    path(f"{ONE}/smallest", machines.machine_smallest, name="provider_smallest"),
    path(f"{ONE}/claim", machines.machine_claim, name="provider_claim"),
    path(f"{ONE}/place", machines.machine_place, name="provider_place"),
    path(f"{ONE}/address", machines.machine_address, name="provider_address"),
    path(f"{ONE}/notice", machines.machine_notice, name="provider_notice"),
    path(f"{ONE}/notice/cancel", machines.machine_notice_cancel, name="provider_notice_cancel"),
    path(f"{ONE}/reclaim", machines.machine_reclaim, name="provider_reclaim"),
    path(f"{ONE}/check", machines.machine_check, name="provider_check"),
    path(f"{ONE}/remove", machines.machine_remove, name="provider_remove"),
    path("earnings", money.provider_earnings, name="provider_earnings"),
    path("demand", telling.provider_demand, name="provider_demand"),
    path("notices", telling.provider_notices, name="provider_notices"),
    path("webhooks", webhook_views.page, PROVIDING, name="provider_webhooks"),
    path(f"{WEBHOOK}/test", webhook_views.send_test, PROVIDING, name="webhook_test"),
    path(f"{WEBHOOK}/enable", webhook_views.enable, PROVIDING, name="webhook_enable"),
    path(f"{WEBHOOK}/delete", webhook_views.delete, PROVIDING, name="webhook_delete"),
    path("account", telling.provider_account, name="provider_account"),
    path("account/name", telling.provider_name, name="provider_name"),
]
