"""What the pages of machines show to their provider."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.conf import settings

from marketplace import hooks, selectors
from marketplace.machine import fingerprint
from marketplace.models import CheckRun, Node, NodeStatus, Notice, Provider
from marketplace.selectors import hosting
from marketplace.selectors.obstacles import silence
from marketplace.selectors.price_market import use_at_price
from marketplace.services import listing, notices, reclaiming

RECENT: Final = timedelta(days=30)
DAY: Final = timedelta(days=1)
RECHECKABLE: Final = frozenset(NodeStatus) - {NodeStatus.RECLAIMING, NodeStatus.OFFLINE}


def machine_rows(
    provider: Provider, nodes: Iterable[Node], *, now: datetime
) -> list[dict[str, Any]]:
    """Give the rows of the machine list; four queries for any number of machines."""
    nodes = list(nodes)
    earned = hosting.earned_by_node(provider, since=now - RECENT)
    open_ones = Notice.objects.filter(node__in=nodes, cancelled_at=None, ended_at=None)
    noticed = {notice.node_id: notice for notice in open_ones}
    newest = CheckRun.objects.filter(node__in=nodes).order_by("node_id", "-id")
    runs = {run.node_id: run for run in newest.distinct("node_id")}
    return [
        {
            "node": node,
            "standing": selectors.standing_of(node),
            "rented": rented_gpus(node),
            "earned_usd": earned.get(node.pk, Decimal(0)),
            "run": runs.get(node.pk),
            "notice": noticed.get(node.pk),
        }
        for node in nodes
    ]


def rented_gpus(node: Node) -> int | None:
    """Count the GPUs that pods hold; None before any were counted on the machine."""
    return node.gpu_count - node.free_gpu_count if node.first_listed_at else None


def _can_check(node: Node) -> bool:
    return node.delisted_at is None and node.status in RECHECKABLE and bool(node.host_key)


def machine_page(node: Node, *, now: datetime) -> dict[str, Any]:
    """Give what the page of a machine shows and what its live pushes show again."""
    pods = hooks.pods_on([node.pk]).get(node.pk, ())
    rentals = hosting.rentals(node)
    verification = selectors.verification(node, now=now)
    return {
        "node": node,
        "standing": selectors.standing_of(node),
        "fingerprint": fingerprint(node.host_key) if node.host_key else "",
        "rented": rented_gpus(node),
        "holders": {pod.id for pod in pods if pod.holds_gpus},
        "hearers": sum(pod.hears_notices for pod in pods),
        "consequences": reclaiming.consequences(node, now=now),
        "earned_day_usd": hosting.earned_by_node(node.provider, since=now - DAY).get(node.pk),
        "earned_usd": hosting.earned_by_node(node.provider, since=now - RECENT).get(node.pk),
        "silence": None if node.delisted_at else silence(node),
        "verification": verification,
        "runs": selectors.check_history(node, limit=20),
        "gpus": node.gpus.order_by("position"),
        "can_check": _can_check(node),
        "rentals": rentals,
        "notice": selectors.open_notice(node),
        "events": selectors.events(node, own=True),
        "socket_path": f"/ws/provide/machines/{node.public_id}",
    }


def machine_controls(node: Node, *, now: datetime) -> dict[str, Any]:
    """Give what stands beside a machine's forms: the market's band, the corridor, how early a notice is."""
    model = node.gpu_model
    return {
        "figures": selectors.figures_of(model, now=now),
        "use": use_at_price(model, node.price_per_gpu_usd, now=now),
        "corridor": listing.corridor(model),
        "fee_rate": settings.MARKET_FEE_RATE,
        "maintenance_lead": notices.lead_of(node, permanent=False),
        "removal_lead": notices.lead_of(node, permanent=True),
    }
