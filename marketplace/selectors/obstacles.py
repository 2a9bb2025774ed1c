"""What keeps a machine off the market, each with what was measured, what is required and how to mend it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import OuterRef, Subquery

from marketplace.checks import BY_ID, install_command
from marketplace.checks.access import INSTALL_KEY, NEW_KEY, SAME_KEY, SHOW_KEY
from marketplace.models import CheckResult, CheckRun, CheckStatus, Met, Node, NodeStatus
from marketplace.selectors.standing import standing_of

ON_THE_MARKET = (NodeStatus.AVAILABLE, NodeStatus.RECLAIMING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """One thing in the way; ``check_id`` is empty where no check found it."""

    code: str
    title: str
    message: str
    check_id: str = ""
    measured: str = ""
    required: str = ""
    fix: str = ""
    fix_command: str = ""


def obstacles(nodes: Sequence[Node]) -> Mapping[int, list[Obstacle]]:
    """List by primary key of the node what keeps it off the market; empty lists where nothing does."""
    failures = _failures([node.pk for node in nodes if node.status not in ON_THE_MARKET])
    return {node.pk: _of(node, failures.get(node.pk, [])) for node in nodes}


def silence(node: Node) -> Obstacle | None:
    """Tell what keeps an offline node from answering, as its last probe met it; None where it is not offline."""
    return _silent(node) if node.status == NodeStatus.OFFLINE else None


def _of(node: Node, failures: list[Obstacle]) -> list[Obstacle]:
    found = [_frozen(node)] if node.frozen_at else []
    if silent := silence(node):
        return [*found, silent]
    if node.status == NodeStatus.VALIDATION_FAILED and not failures:
        return [*found, _said(node)]
    return [*found, *failures]


def _failures(node_ids: Sequence[int]) -> dict[int, list[Obstacle]]:
    """Read what failed in the newest finished run of each node."""
    if not node_ids:
        return {}
    runs = CheckRun.objects.filter(node=OuterRef("run__node"), finished_at__isnull=False)
    newest = runs.order_by("-id").values("id")[:1]
    rows = CheckResult.objects.filter(
        run__node__in=node_ids, run=Subquery(newest), status=CheckStatus.FAILED
    )
    found: dict[int, list[Obstacle]] = {}
    for result in rows.select_related("run").order_by("position"):
        if _blocks(result):
            found.setdefault(result.run.node_id, []).append(_failure(result))
    return found


def _blocks(result: CheckResult) -> bool:
    check = BY_ID.get(result.check_id)
    return check is None or check.blocks


def _failure(result: CheckResult) -> Obstacle:
    check = BY_ID.get(result.check_id)
    return Obstacle(
        code=result.code or result.check_id,
        title=check.title if check else result.check_id.replace("_", " ").capitalize(),
        message=result.why,
        check_id=result.check_id,
        measured=result.measured,
        required=result.required,
        fix=result.fix,
        fix_command=result.fix_command,
    )


def _silent(node: Node) -> Obstacle:
    message = standing_of(node).message
    if node.missed_why == Met.ANOTHER_KEY:
        return Obstacle(
            code="host_key_changed",
            title="It presents another host key",
            message=message,
            required=SAME_KEY,
            fix=NEW_KEY,
            fix_command=SHOW_KEY,
        )
    if node.missed_why == Met.REFUSAL:
        return Obstacle(
            code="wrong_key",
            title="It refuses our key",
            message=message,
            required=f"Our key logs in as {node.ssh_user}",
            fix=INSTALL_KEY,
            fix_command=install_command(
                user=node.ssh_user,
                public_key=node.provider.ssh_public_key,
                state_dir=node.state_dir,
            ),
        )
    return Obstacle(
        code="not_responding",
        title="It does not answer",
        message=message,
        required=f"an SSH server at port {node.ssh_port} that presents the pinned host key",
        fix="Start the machine and its sshd, and let this market reach its port.",
        fix_command="systemctl start ssh",
    )


def _said(node: Node) -> Obstacle:
    return Obstacle(
        code="validation_failed",
        title="A check failed",
        message=standing_of(node).message,
        fix="Have it checked again once it is mended.",
    )


def _frozen(node: Node) -> Obstacle:
    return Obstacle(
        code="frozen",
        title="Frozen by the operator",
        message="Operators of this market hide it from renters; its events say why.",
        fix="Write to the operator of this market.",
    )
