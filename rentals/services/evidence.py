"""The words of readiness that was shown, on which a charge rests."""

from rentals.engine.spec import SSH_PORT
from rentals.models import Pod
from rentals.observations import Readiness


def text(pod: Pod, readiness: Readiness) -> str:
    """Write down what a probe showed."""
    gpus = sorted(readiness.gpus or ())
    where = f"{pod.node.public_host}:{ssh_port(pod)}"
    return f"{readiness.banner} at {where}, the pod's host key, {len(gpus)} GPU: {', '.join(gpus)}"


def ssh_port(pod: Pod) -> int:
    """Give the node's port that the pod's SSH is published on."""
    return next(port.external for port in pod.ports.all() if port.internal == SSH_PORT)
