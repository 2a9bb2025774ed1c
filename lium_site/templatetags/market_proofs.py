"""Proofs on the pages of lower floors: the roof wires them there, so that none has to know validation."""

import shlex
from typing import Any

from django import template
from django.conf import settings
from django.urls import reverse

from marketplace.models import Node
from rentals.models import Pod
from validation import pages

register = template.Library()


@register.inclusion_tag("validation/_passport.html")
def passport_proofs(node: Node) -> dict[str, Any]:
    """Show on a machine's public page what its proofs say."""
    return pages.passport(node)


@register.inclusion_tag("validation/_console.html")
def console_proofs(node: Node) -> dict[str, Any]:
    """Show a machine's proofs to its provider, with the button that asks for one."""
    return pages.console(node)


@register.inclusion_tag("validation/_renter.html")
def pod_proof(pod: Pod, ssh_command: str) -> dict[str, Any]:
    """Show renters how to have their GPUs proven to themselves."""
    market, node = settings.PUBLIC_URL, pod.node
    simulated = ["--simulated", "--n", "512"] if node.simulated else []
    memory_mib = 1 if node.simulated else node.gpu_model.memory_mib
    prover = ["python3", "prove.pyz"]
    if node.simulated:
        prover += ["--simulated", str(pod.gpu_count), "--memory", "1048576"]
    asked = ["./market", "prove", "--market", market, "--node", str(node.public_id)]
    asked += ["--model", node.gpu_model.name, "--cards", str(pod.gpu_count)]
    uuids = node.gpus.filter(holder=pod.public_id).order_by("position")
    expected = [word for uuid in uuids.values_list("uuid", flat=True) for word in ("--uuid", uuid)]
    if node.simulated:
        prover += expected
    asked += ["--memory-mib", str(memory_mib), *expected, *simulated, "--"]
    return {
        "pod": pod,
        "fetch": shlex.join(["curl", "-fsSO", market + reverse("prover")]),
        "command": f"{shlex.join(asked)} {ssh_command} {shlex.join(prover)}",
    }


@register.filter
def seconds_of(microseconds: int) -> str:
    """Write microseconds as seconds."""
    return f"{microseconds / 1e6:.3f} s"
