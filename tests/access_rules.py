"""Who may come in at which route; tests/test_access_rules.py tries each from every side.

A new route without a line here fails that test.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from core import clock
from tests.factories.accounts import ED25519

ANYONE, KEY, SESSION, PAGE = "anyone", "key", "session", "page"


@dataclass(frozen=True)
class Rule:
    """Who may come in; ``owned`` routes name one of Alice's things, which do not exist for Charlie.

    ``absent``: even Alice is told that there is none. ``any_scope``: every live key may ask. ``keys_too``: a key may ask
    about its own workspace. ``any_method``: the framework's own view answers every method. ``pays``: only a billing key.
    """

    door: str
    body: Any = None
    owned: bool = False
    absent: bool = False
    any_scope: bool = False
    keys_too: bool = False
    any_method: bool = False
    pays: bool = False


def mine(door: str, body: Any = None, **more: bool) -> Rule:
    return Rule(door, body, owned=True, **more)


NEXT_MONTH = clock.iso(clock.now() + timedelta(days=30))
POD_TO_RENT = {"pod_name": "p", "user_public_key": [ED25519], "template_id": None}
NODE_TO_ADD = {
    "gpu_type": "H100",
    "gpu_count": 8,
    "ip_address": "203.0.113.99",
    "port": 22,
    "price_per_gpu": 2.5,
}
RULES: dict[tuple[str, str], Rule] = {
    # accounts
    ("POST", "api/users"): Rule(ANYONE),
    ("POST", "api/users/login"): Rule(ANYONE, {}),
    ("POST", "api/auth/signup"): Rule(ANYONE),
    ("POST", "api/auth/login"): Rule(ANYONE, {}),
    ("GET", "api/keys/scopes"): Rule(ANYONE),
    ("GET", "api/users/me"): Rule(KEY, any_scope=True),
    ("GET", "api/users/me/events"): Rule(KEY),
    ("GET", "api/account/audit"): Rule(KEY),
    ("GET", "api/keys"): Rule(SESSION),
    ("POST", "api/keys"): Rule(SESSION, {"name": "ci"}),
    ("GET", "api/keys/<key_id>"): mine(SESSION),
    ("PATCH", "api/keys/<key_id>"): mine(SESSION, {"daily_budget_usd": 5}),
    ("DELETE", "api/keys/<key_id>"): mine(SESSION),
    ("GET", "api/keys/<key_id>/refusals"): mine(KEY, any_scope=True),
    ("GET", "api/ssh-keys"): Rule(KEY),
    ("POST", "api/ssh-keys"): Rule(KEY, {"public_key": ED25519}),
    ("DELETE", "api/ssh-keys/<key_id>"): mine(KEY),
    ("GET", "api/workspaces"): Rule(KEY, any_scope=True),
    ("POST", "api/workspaces"): Rule(SESSION, {"name": "Team"}),
    ("GET", "api/workspaces/<workspace_id>"): mine(SESSION, keys_too=True),
    ("DELETE", "api/workspaces/<workspace_id>"): mine(SESSION),
    ("GET", "api/workspaces/<workspace_id>/members"): mine(SESSION, keys_too=True),
    ("DELETE", "api/workspaces/<workspace_id>/members/<user_id>"): mine(SESSION),
    ("POST", "api/workspaces/<workspace_id>/invitations"): mine(SESSION, {"email": "e@e.example"}),
    ("GET", "api/workspaces/<workspace_id>/invitations"): mine(SESSION),
    ("DELETE", "api/workspaces/<workspace_id>/invitations/<invitation_id>"): mine(SESSION),
    ("POST", "api/workspaces/<workspace_id>/billing-owner/transfer"): mine(
        SESSION, {"user_id": "<user_id>"}
    ),
    ("POST", "api/workspaces/<workspace_id>/billing-owner/accept"): mine(SESSION, {}),
    ("GET", "keys"): Rule(PAGE),
    ("POST", "keys/api"): Rule(PAGE),
    ("POST", "keys/api/<key_id>/budgets"): mine(PAGE),
    ("POST", "keys/api/<key_id>/revoke"): mine(PAGE),
    ("POST", "keys/ssh"): Rule(PAGE),
    ("POST", "keys/ssh/<key_id>/delete"): mine(PAGE),
    ("GET", "provide/sign-in"): Rule(ANYONE),
    ("POST", "provide/sign-in"): Rule(ANYONE, {}),
    ("GET", "account/hotkeys"): Rule(PAGE),
    ("POST", "account/hotkeys"): Rule(PAGE),
    ("POST", "account/hotkeys/<address>/unlink"): mine(PAGE),
    ("GET", "account"): Rule(PAGE),
    ("POST", "account"): Rule(PAGE),
    ("POST", "account/browsers/<session_id>/end"): mine(PAGE),
    ("POST", "account/sessions/<session_id>/end"): mine(PAGE),
    ("POST", "account/workspaces/<workspace_id>/invitations/<invitation_id>/withdraw"): mine(PAGE),
    ("GET", "invitations/<token>"): Rule(PAGE),
    ("POST", "invitations/<token>"): Rule(PAGE),
    # marketplace
    ("GET", "api/executors"): Rule(ANYONE),
    ("GET", "api/machines"): Rule(ANYONE),
    ("GET", "api/executors/default-docker-image"): Rule(ANYONE),
    ("GET", "api/executors/infiniband-clusters"): Rule(ANYONE),
    ("POST", "api/machine-requests"): Rule(KEY, {"machine_name": "H100"}),
    ("GET", "provide/coldkey"): Rule(PAGE),
    ("POST", "provide/coldkey"): Rule(PAGE),
    ("GET", "machines"): Rule(ANYONE),
    ("GET", "machines/requests"): Rule(PAGE),
    ("POST", "machines/requests/<wish_id>/withdraw"): mine(PAGE),
    ("POST", "machines/requests"): Rule(PAGE, {"gpu": "H100", "gpus": "8"}),
    ("GET", "machines/<public_id>"): Rule(ANYONE),
    ("GET", "provide"): Rule(ANYONE),
    ("GET", "provide/machines/add"): Rule(PAGE),
    ("POST", "provide/machines/add"): Rule(PAGE, {}),
    ("GET", "provide/machines/register"): Rule(PAGE),
    ("POST", "provide/machines/register"): Rule(PAGE),
    ("GET", "provide/machines/<public_id>/setup/<step>"): mine(PAGE),
    ("POST", "provide/machines/<public_id>/setup/<step>"): mine(PAGE),
    ("GET", "provide/install/<token>"): Rule(ANYONE, absent=True),
    # the provider's console
    ("GET", "provide/machines"): Rule(PAGE),
    ("GET", "provide/machines/live"): Rule(PAGE),
    ("GET", "provide/machines/<machine_id>"): mine(PAGE),
    ("GET", "provide/machines/<machine_id>/live"): mine(PAGE),
    ("POST", "provide/machines/<machine_id>/price"): mine(PAGE, {"price_per_gpu_usd": "2.5"}),
    ("POST", "provide/machines/<machine_id>/place"): mine(PAGE, {"country": "FI"}),
    ("POST", "provide/machines/<machine_id>/smallest"): mine(PAGE, {"min_gpu_count": "2"}),
    ("POST", "provide/machines/<machine_id>/claim"): mine(PAGE),
    ("POST", "provide/machines/<machine_id>/address"): mine(PAGE),
    ("POST", "provide/machines/<machine_id>/notice"): mine(PAGE),
    ("POST", "provide/machines/<machine_id>/notice/cancel"): mine(PAGE),
    ("POST", "provide/machines/<machine_id>/reclaim"): mine(PAGE),
    ("POST", "provide/machines/<machine_id>/check"): mine(PAGE),
    ("POST", "provide/machines/<machine_id>/remove"): mine(PAGE),
    ("GET", "provide/earnings"): mine(PAGE),
    ("GET", "provide/demand"): mine(PAGE),
    ("POST", "provide/demand"): mine(PAGE),
    ("GET", "provide/notices"): mine(PAGE),
    ("GET", "provide/webhooks"): mine(PAGE),
    ("POST", "provide/webhooks"): mine(PAGE),
    ("POST", "provide/webhooks/<webhook_id>/test"): mine(PAGE),
    ("POST", "provide/webhooks/<webhook_id>/enable"): mine(PAGE, {"enabled": "no"}),
    ("POST", "provide/webhooks/<webhook_id>/delete"): mine(PAGE),
    ("GET", "account/webhooks"): Rule(PAGE),
    ("POST", "account/webhooks"): Rule(PAGE),
    ("POST", "account/webhooks/<webhook_id>/test"): mine(PAGE),
    ("POST", "account/webhooks/<webhook_id>/enable"): mine(PAGE, {"enabled": "no"}),
    ("POST", "account/webhooks/<webhook_id>/delete"): mine(PAGE),
    ("GET", "provide/account"): mine(PAGE),
    ("POST", "provide/account"): mine(PAGE),
    ("POST", "provide/account/name"): mine(PAGE, {"name": "Northern GPUs"}),
    # proofs
    ("GET", "proofs"): Rule(ANYONE),
    ("GET", "proofs/bands"): Rule(ANYONE),
    ("GET", "proofs/prove.pyz"): Rule(ANYONE),
    ("GET", "proofs/<proof_id>"): Rule(ANYONE),
    ("GET", "proofs/<proof_id>/bundle.json"): Rule(ANYONE),
    ("GET", "provide/machines/<machine_id>/proofs"): mine(PAGE),
    ("POST", "provide/machines/<machine_id>/prove"): mine(PAGE),
    ("GET", "api/proofs"): Rule(ANYONE),
    ("GET", "api/proofs/bands"): Rule(ANYONE),
    ("GET", "api/proofs/beacon"): Rule(ANYONE),
    ("GET", "api/proofs/<proof_id>"): Rule(ANYONE),
    ("GET", "api/proofs/<proof_id>/bundle"): Rule(ANYONE),
    ("GET", "api/bundles/<digest>"): Rule(ANYONE),
    ("GET", "api/proofs/<proof_id>/tries/<number>"): Rule(ANYONE),
    ("POST", "api/executors/<node_id>/proofs"): Rule(KEY),
    # rentals
    ("GET", "api/executors/<node_id>/quote"): Rule(ANYONE),
    ("GET", "api/executors/deployment-estimate"): Rule(
        KEY, {"executor_id": "<node_id>", "template_id": "<template_id>"}
    ),
    ("POST", "api/executors/<node_id>/rent"): Rule(KEY, POD_TO_RENT),
    ("POST", "api/executors/rent-by-spec"): Rule(KEY, POD_TO_RENT | {"gpu_type": "H100"}),
    ("GET", "api/templates"): Rule(ANYONE),
    ("GET", "api/templates/<template_id>"): mine(ANYONE),
    ("POST", "api/templates"): Rule(KEY, {"name": "t", "docker_image": "ubuntu"}),
    ("PUT", "api/templates/<template_id>"): mine(KEY, {"name": "t", "docker_image": "ubuntu"}),
    ("DELETE", "api/templates/<template_id>"): mine(KEY),
    ("GET", "api/pods"): Rule(KEY),
    ("GET", "api/pods/<pod_id>"): mine(KEY),
    ("DELETE", "api/pods/<pod_id>"): mine(KEY),
    ("POST", "api/pods/<pod_id>/schedule-removal"): mine(KEY, {"removal_scheduled_at": NEXT_MONTH}),
    ("DELETE", "api/pods/<pod_id>/schedule-removal"): mine(KEY),
    ("POST", "api/pods/<pod_id>/reboot"): mine(KEY, {}),
    ("POST", "api/pods/<pod_id>/stop"): mine(KEY, {}),
    ("POST", "api/pods/<pod_id>/start"): mine(KEY, {}),
    ("GET", "api/pods/<pod_id>/events"): mine(KEY),
    ("GET", "api/pods/<pod_id>/logs"): mine(KEY),
    ("POST", "api/pods/<pod_id>/feedback"): mine(KEY, {"feedback_text": "good"}),
    ("GET", "api/pods/<pod_id>/record"): mine(KEY),
    ("GET", "api/pods/<pod_id>/receipt"): mine(KEY, absent=True),
    ("GET", "api/billing/statement"): Rule(KEY),
    ("GET", "rent/<node_id>"): Rule(ANYONE),
    ("POST", "rent/<node_id>"): Rule(PAGE),
    ("GET", "pods"): Rule(PAGE),
    ("GET", "pods/<pod_id>"): mine(PAGE),
    ("GET", "pods/<pod_id>/live"): mine(PAGE),
    ("POST", "pods/<pod_id>/remove"): mine(PAGE),
    ("POST", "pods/<pod_id>/stop"): mine(PAGE),
    ("POST", "pods/<pod_id>/start"): mine(PAGE),
    ("POST", "pods/<pod_id>/reboot"): mine(PAGE),
    ("POST", "pods/<pod_id>/schedule"): mine(PAGE, {"action": "clear"}),
    ("GET", "pods/<pod_id>/receipt"): mine(PAGE, absent=True),
    ("GET", "pods/<pod_id>/receipt/file"): mine(PAGE, absent=True),
    ("GET", "api/volumes"): Rule(KEY),
    ("POST", "api/volumes"): Rule(KEY, {}),
    ("GET", "api/volumes/<volume_id>"): mine(KEY, absent=True),
    ("PUT", "api/volumes/<volume_id>"): mine(KEY, {}, absent=True),
    ("DELETE", "api/volumes/<volume_id>"): mine(KEY, absent=True),
    ("GET", "api/backup-configs"): Rule(KEY),
    ("POST", "api/backup-configs"): Rule(KEY, {}),
    ("PUT", "api/backup-configs/<config_id>"): mine(KEY, {}, absent=True),
    ("DELETE", "api/backup-configs/<config_id>"): mine(KEY, absent=True),
    ("GET", "api/backup-configs/pod/<pod_id>"): mine(KEY, absent=True),
    ("GET", "api/backup-logs/"): Rule(KEY),
    ("GET", "api/backup-logs/<log_id>"): mine(KEY, absent=True),
    ("DELETE", "api/backup-logs/<log_id>"): mine(KEY, absent=True),
    ("POST", "api/backup-logs/<log_id>/cancel"): mine(KEY, {}, absent=True),
    ("POST", "api/restore-logs/<log_id>/cancel"): mine(KEY, {}, absent=True),
    ("GET", "api/backup-logs/pod/<pod_id>"): mine(KEY),
    ("GET", "api/pods/<pod_id>/restore-logs"): mine(KEY),
    ("POST", "api/pods/<pod_id>/backup"): mine(KEY, {}),
    ("POST", "api/pods/<pod_id>/restore"): mine(KEY, {}),
    ("POST", "api/pods/<pod_id>/reset-gpu"): mine(KEY, {}),
    ("PUT", "api/pods/<pod_id>/switch-template"): mine(KEY, {}),
    ("POST", "api/pods/<pod_id>/install-jupyter"): mine(KEY, {}),
    ("POST", "api/executors/cluster/rent"): Rule(KEY, {}),
    ("DELETE", "api/clusters/<cluster_id>"): mine(KEY, absent=True),
    ("POST", "api/build-contexts"): Rule(KEY, {}),
    # billing
    ("POST", "api/billing/invoices"): Rule(KEY, {"amount_usd": 35}, pays=True),
    ("GET", "api/billing/invoices/<invoice_id>"): mine(KEY, any_scope=True),
    ("GET", "api/status/chain"): Rule(ANYONE),
    ("GET", "api/tao/pay/wallet/available-wallets/<customer_id>"): Rule(KEY, any_scope=True),
    ("GET", "api/tao/pay/token/generate"): Rule(KEY, any_scope=True),
    ("POST", "api/tao/pay/token/verify"): Rule(KEY, {}, any_scope=True),
    ("POST", "api/tao/create-transfer"): Rule(KEY, {}, any_scope=True),
    ("GET", "api/tao/pay/balance/alpha/subnets"): Rule(KEY, any_scope=True),
    ("GET", "api/tao/pay/balance/convert/alpha"): Rule(KEY, any_scope=True),
    ("GET", "api/tao/pay/wallet/company/"): Rule(KEY, any_scope=True, absent=True),
    ("GET", "api/tmc-pay/currencies"): Rule(KEY, any_scope=True),
    ("POST", "api/tmc-pay/create-invoice"): Rule(KEY, {}, pays=True),
    ("POST", "api/stripe/create-checkout-session"): Rule(KEY, {}, pays=True),
    ("POST", "api/payments/topup"): Rule(KEY, {}, pays=True),
    ("GET", "scores"): Rule(ANYONE),
    ("GET", "api/scores/<block>"): Rule(ANYONE, absent=True),
    ("GET", "api/scores/<block>/data"): Rule(ANYONE, absent=True),
    ("GET", "billing/deposits"): Rule(PAGE),
    ("GET", "billing/deposits/live"): Rule(PAGE),
    ("POST", "billing/deposits/test-payment"): Rule(PAGE),
    ("GET", "billing/deposits/<deposit_id>"): mine(PAGE),
    ("GET", "billing/deposits/<deposit_id>/live"): mine(PAGE),
    ("GET", "billing/coldkeys"): Rule(PAGE),
    ("POST", "billing/coldkeys"): Rule(PAGE),
    ("POST", "billing/coldkeys/<address>/unlink"): mine(PAGE),
    ("GET", "billing/alpha"): Rule(PAGE),
    ("POST", "billing/alpha"): Rule(PAGE),
    ("GET", "localchain/accounts/<address>/stake/<netuid>"): Rule(ANYONE),
    ("GET", "localchain/head"): Rule(ANYONE),
    ("GET", "localchain/blocks/<number>"): Rule(ANYONE),
    ("GET", "localchain/accounts/<address>"): Rule(ANYONE),
    ("GET", "localchain/subnets/<netuid>/neurons"): Rule(ANYONE),
    ("POST", "localchain/subnets/<netuid>/registrations"): Rule(ANYONE, {}),
    ("POST", "localchain/faucet"): Rule(ANYONE, {}),
    ("POST", "localchain/transfers"): Rule(ANYONE, {}),
    ("GET", "billing"): Rule(PAGE),
    ("GET", "billing/statement"): Rule(PAGE),
    ("GET", "billing/checkout"): Rule(PAGE),
    ("POST", "billing/checkout"): Rule(PAGE),
    ("GET", "billing/invoices/<invoice_id>"): mine(PAGE),
    ("GET", "billing/invoices/<invoice_id>/live"): mine(PAGE),
    ("GET", "billing/invoices/<invoice_id>/file"): mine(PAGE),
    ("POST", "billing/invoices/<invoice_id>/test-payment"): mine(PAGE),
    # the portal of providers
    ("POST", "portal/auth/login-flexible"): Rule(ANYONE, {}),
    ("POST", "portal/auth/login-email"): Rule(ANYONE, {}),
    ("POST", "portal/auth/set-password"): Rule(ANYONE, {}),
    ("POST", "portal/auth/logout"): Rule(SESSION),
    ("GET", "portal/auth/me"): Rule(SESSION),
    ("POST", "portal/auth/set-email"): Rule(SESSION, {"email": "new@example.com"}),
    ("GET", "portal/auth/me/discord/oauth-url"): Rule(SESSION),
    ("POST", "portal/auth/set-machine-request-subscription"): Rule(
        SESSION, {"machine_request_subscription": []}
    ),
    ("POST", "portal/miners/opt-in"): Rule(SESSION, {"opt_in_status": True}),
    ("GET", "portal/miners/overview"): Rule(SESSION),
    ("GET", "portal/executors"): Rule(SESSION),
    ("POST", "portal/executors"): Rule(SESSION, NODE_TO_ADD),
    ("POST", "portal/executors/register-token"): Rule(SESSION),
    ("POST", "portal/executors/sync-executor-central-miner"): Rule(SESSION),
    ("POST", "portal/executors/sync-executor-miner-portal"): Rule(SESSION),
    ("GET", "portal/executors/<node_id>"): Rule(ANYONE),
    ("DELETE", "portal/executors/<node_id>"): mine(SESSION),
    ("POST", "portal/executors/<node_id>/update-price"): mine(SESSION, {"price_per_gpu": 2.5}),
    ("POST", "portal/executors/<node_id>/update-gpu"): mine(
        SESSION, {"gpu_type": "H100", "gpu_count": 8}
    ),
    ("POST", "portal/executors/<node_id>/update-address"): mine(
        SESSION, {"ip_address": "<own_host>", "port": 22}
    ),
    ("POST", "portal/executors/<node_id>/min-gpu-count-for-rental"): mine(
        SESSION, {"min_gpu_count_for_rental": 2}
    ),
    ("DELETE", "portal/executors/<node_id>/min-gpu-count-for-rental"): mine(SESSION),
    ("POST", "portal/executors/<node_id>/notice-period"): mine(
        SESSION, {"starting_at": NEXT_MONTH, "permanent_removal": True}
    ),
    ("DELETE", "portal/executors/<node_id>/notice-period"): mine(SESSION),
    ("GET", "portal/executors/<node_id>/verification"): mine(SESSION),
    ("GET", "portal/executors/<node_id>/pods"): mine(SESSION),
    ("GET", "portal/executors/<node_id>/machine-requests"): mine(SESSION),
    ("POST", "portal/executors/<node_id>/machine-added"): mine(
        SESSION, {"machine_request_id": "<request_id>"}
    ),
    ("GET", "portal/shared-config"): Rule(ANYONE),
    ("GET", "portal/machines"): Rule(SESSION),
    ("GET", "portal/machines/estimated-rewards"): Rule(
        SESSION, {"gpu_type": "H100", "gpu_count": 1}
    ),
    ("GET", "portal/machine-requests"): Rule(SESSION),
    ("GET", "portal/machine-requests/<request_id>"): Rule(SESSION),
    ("GET", "portal/executors/register-script"): Rule(SESSION),
    ("GET", "portal/provider-ledger/daily"): Rule(SESSION),
    ("GET", "portal/openapi.json"): Rule(ANYONE, any_method=True),
    ("GET", "portal/docs"): Rule(ANYONE, any_method=True),
    # the roof
    ("GET", ""): Rule(ANYONE),
    ("GET", "status"): Rule(ANYONE),
    ("GET", "healthz"): Rule(ANYONE),
    ("GET", "readyz"): Rule(ANYONE),
    ("GET", "metrics"): Rule(ANYONE, absent=True),
    ("GET", "api/version"): Rule(ANYONE),
    ("GET", "api/status/ledger"): Rule(ANYONE),
    ("GET", "api/openapi.json"): Rule(ANYONE, any_method=True),
    ("GET", "api/docs"): Rule(ANYONE, any_method=True),
}
