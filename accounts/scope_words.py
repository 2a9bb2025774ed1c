"""The scopes of API keys in words: the one text that the client, the API and the Keys page show."""

from typing import Any, Final

from accounts.models import ALONE, PodVisibility, Scope

WORDS: Final[dict[str, tuple[str, str, list[str], list[str]]]] = {
    Scope.READ: (
        "Read",
        "See pods, templates, SSH keys, statements and the audit trail.",
        ["list and describe pods", "read logs and events", "read the balance and statements"],
        ["/pods", "/templates", "/ssh-keys", "/billing", "/account"],
    ),
    Scope.RENT: (
        "Rent",
        "Rent machines with the workspace's balance, and change and remove what this key rented.",
        [
            "rent nodes",
            "start, stop, reboot, schedule and remove the pods that the key rented",
            "make templates",
            "register SSH keys",
        ],
        ["/executors/{id}/rent", "/executors/rent-by-spec", "/pods", "/templates", "/ssh-keys"],
    ),
    Scope.MANAGE: (
        "Manage",
        "Change and remove what anybody in the workspace rented or made.",
        [
            "stop, reboot, schedule and remove every pod that the key sees, and with `rent` start it",
            "change and delete templates",
            "delete SSH keys",
        ],
        ["/pods", "/templates", "/ssh-keys"],
    ),
    Scope.BILLING: (
        "Billing",
        "Open payments that raise the balance; such a key reaches no pod and holds no other scope.",
        ["open invoices", "read the balance"],
        ["/billing/invoices", "/tmc-pay", "/stripe", "/payments"],
    ),
    Scope.ALPHA: (
        "Pay in alpha",
        "Link a coldkey and pay from it with `lium fund --alpha`; such a key reads no balance, reaches no pod and holds no other scope.",
        ["link coldkeys of the workspace", "read what alpha is worth"],
        ["/tao"],
    ),
    Scope.PROVIDE: (
        "Provide",
        "Run your machines on the market (LIUM_PROVIDER_TOKEN), from your personal workspace; such a key reaches no pod and holds no other scope.",
        ["add, change and remove machines", "give notice", "read earnings"],
        ["/portal"],
    ),
}
VISIBILITY: Final = {
    PodVisibility.OWN: "The key sees the pods that it rented itself.",
    PodVisibility.ACCOUNT: "The key sees every pod of its workspace.",
}


def everything() -> dict[str, Any]:
    """Give all scopes and pod visibilities as the client reads them."""
    return {
        "scopes": [
            {
                "scope": scope,
                "title": title,
                "description": description,
                "can": can,
                "route_families": routes,
                "default": scope not in ALONE,
            }
            for scope, (title, description, can, routes) in WORDS.items()
        ],
        "pod_visibility": [
            {"value": value, "description": words} for value, words in VISIBILITY.items()
        ],
        "money_routes": [*WORDS[Scope.BILLING][3], *WORDS[Scope.ALPHA][3]],
    }
