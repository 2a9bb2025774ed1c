"""Proofs on the pages of lower floors: the roof wires them there, so that none has to know validation."""

import shlex
from typing import Any

from django import template
from django.conf import settings

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
    node = pod.node
    uuids = node.gpus.filter(holder=pod.public_id).order_by("position")
    expected = [word for uuid in uuids.values_list("uuid", flat=True) for word in ("--uuid", uuid)]
    memory_mib = 1 if node.simulated else node.gpu_model.memory_mib
    asked = ["./market", "prove", "--send", "--market", settings.PUBLIC_URL]
    asked += ["--node", str(node.public_id), "--model", node.gpu_model.name]
    asked += ["--cards", str(pod.gpu_count), "--memory-mib", str(memory_mib), *expected]
    asked += ["--simulated", "--n", "512"] if node.simulated else []
    return {"pod": pod, "command": f"{shlex.join(asked)} -- {ssh_command}"}


@register.filter
def seconds_of(microseconds: int) -> str:
    """Write microseconds as seconds."""
    return f"{microseconds / 1e6:.3f} s"
