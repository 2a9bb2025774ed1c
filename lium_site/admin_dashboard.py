"""The admin's first page: what an operator must look at before anything else."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from billing import ledger
from billing.services import reconciling
from core import clock
from lium_site import operations
from rentals.models import Pod
from rentals.selectors import silent_nodes, stuck_pods

SHOWN = 20


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the tables of the first page; unfold calls this."""
    now = clock.now()
    chain = operations.chain()
    found = [*operations.checks(now=now), operations.chain_check(chain, now=now)]
    if chain is not None and chain.problem:
        found.append(operations.Check("Chain's endpoints", "failing", chain.problem, chain.read_at))
    found += [operations.price_check(now=now), *operations.reconciliation_checks()]
    context["tables"] = [
        _table("Alerts", ["Alert", "What to know", "Since"], _alerts()),
        _table("Stuck pods", ["Pod", "State", "Reason", "Since"], _stuck(now)),
        _table("Silent machines", ["Machine", "Failed looks", "Since"], _silent()),
        _table("Parts", ["Part", "State", "Seen"], [[c.label, c.state, c.detail] for c in found]),
        _table("Queues", ["Queue", "Waiting"], [[q.name, q.depth] for q in operations.queues()]),
        _table(
            "Ledger and chain, the newest comparison",
            ["Key", "Recorded (rao)", "Found (rao)", "Difference (rao)", "Between them", "Address"],
            _reconciled(),
            wide=True,
        ),
        _table("Trial balance", ["Currency", "Sum"], _balances()),
    ]
    return context


def _table(
    title: str, headers: list[str], rows: list[list[Any]], *, wide: bool = False
) -> dict[str, Any]:
    return {"title": title, "data": {"headers": headers, "rows": rows}, "wide": wide}


def _alerts() -> list[list[Any]]:
    found = [*operations.alarm_checks(), *operations.alert_checks(operations.alerts())]
    return [[check.label, check.detail, f"{check.at:%F %T} UTC"] for check in found]


def _stuck(now: datetime) -> list[list[Any]]:
    return [
        [_link(pod), pod.get_status_display(), pod.status_reason, f"{pod.status_since:%F %T} UTC"]
        for pod in stuck_pods(now=now)[:SHOWN]
    ]


def _silent() -> list[list[Any]]:
    return [[watch.node.huid, watch.failures, watch.node.last_seen_at] for watch in silent_nodes()]


def _balances() -> list[list[Any]]:
    return [[currency, f"{total:f}"] for currency, total in sorted(ledger.trial_balance().items())]


def _reconciled() -> list[list[Any]]:
    found = reconciling.latest()
    lines = found.lines.order_by("pk")[:SHOWN] if found else []
    return [
        [
            f"{line.key} ({line.currency})",
            f"{line.recorded_rao:,}",
            _rao(line.found_rao),
            _rao(line.difference_rao),
            "; ".join(_between(one) for one in line.between) or "nothing",
            line.address or "several",
        ]
        for line in lines
    ]


def _rao(amount: int | None) -> str:
    return "unknown" if amount is None else f"{amount:,}"


def _between(entry: dict[str, Any]) -> str:
    used = "explains it" if entry["explains"] else "does not explain it"
    return f"{entry['what']} ({entry['rao']:+}): {used}"


def _link(pod: Pod) -> str:
    return format_html(
        '<a href="{}">{}</a>', reverse("admin:rentals_pod_change", args=[pod.pk]), pod.huid
    )
