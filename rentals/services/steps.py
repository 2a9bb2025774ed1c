"""One step on the machine, over SSH, with no transaction open. Each may be repeated."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from django.conf import settings

from marketplace.machine import (
    AccessDenied,
    HostKeyChanged,
    Machine,
    MachineError,
    MachineUnreachable,
    OutcomeUnknown,
    banner,
    scan_host_key,
)
from rentals import engine, faults, terms
from rentals.actions import Action
from rentals.models import Phase, Pod
from rentals.observations import GONE, Contact, Readiness, Seen
from rentals.reasons import Reason
from rentals.runtime import artifacts
from rentals.services import blueprint, evidence, preparation


def take(action: Action, machine: Machine, pod: Pod, seen: Seen) -> Seen:
    """Take one step and give what is known after it; trouble is part of what is seen."""
    before = replace(seen, trouble=None, error="")
    try:
        after = _STEPS[action](machine, pod, before)
    except (engine.EngineError, MachineError, ValueError) as error:
        # A ValueError is a spec or a node that the engine's own checks refuse.
        return trouble(before, error)
    return replace(after, contact=Contact.ANSWERED)


def trouble(seen: Seen, error: Exception) -> Seen:
    """Read an error as knowledge: about contact, about the image, or a reason to give up."""
    known = replace(seen, container=None, readiness=None, error=str(error))
    if isinstance(error, engine.ImageMissing):
        return replace(known, contact=Contact.ANSWERED, image=None, image_missing=True)
    if isinstance(error, engine.PodMissing):
        return replace(known, contact=Contact.ANSWERED, container=GONE)
    for kind, contact in _CONTACT:
        if isinstance(error, kind):
            return replace(known, contact=contact)
    reason = next((why for kind, why in _TROUBLE if isinstance(error, kind)), Reason.ENGINE_FAILED)
    return replace(known, contact=Contact.ANSWERED, trouble=reason)


def _look(machine: Machine, pod: Pod, seen: Seen) -> Seen:
    container = engine.look(machine, market_id=settings.MARKET_INSTANCE, pod_id=pod.public_id)
    booted_at = None if container.running else engine.boot(machine).at
    return replace(seen, container=container, booted_at=booted_at, readiness=None)


def _find_image(machine: Machine, pod: Pod, seen: Seen) -> Seen:
    image = engine.image_present(machine, image=pod.image)
    return replace(seen, image=image, image_missing=image is None)


def _create(machine: Machine, pod: Pod, seen: Seen) -> Seen:
    container = engine.create_and_start(
        machine,
        layout=blueprint.layout_of(pod.node),
        spec=blueprint.spec_of(pod),
        image=seen.image,
    )
    faults.point("rent.container_started")
    return replace(seen, container=container, readiness=None)


def _pull(machine: Machine, pod: Pod, seen: Seen) -> Seen:
    if pod.template.built_on_node:
        preparation.put(machine, pod.node, artifacts(preparation.cache_folder()))
        return replace(seen, image_missing=False)
    seconds = terms.PHASE_DEADLINES[Phase(pod.phase)].total_seconds()
    image = engine.pull(machine, image=pod.image, deadline=int(seconds))
    return replace(seen, image=image, image_missing=False)


def _start(machine: Machine, pod: Pod, seen: Seen) -> Seen:
    node = pod.node
    # The machine may have rebooted, and then its firewall is gone.
    engine.raise_firewall(
        machine,
        layout=blueprint.layout_of(node),
        published_ports=(node.first_port, node.last_port),
    )
    engine.start(machine, market_id=settings.MARKET_INSTANCE, pod_id=pod.public_id)
    return _look(machine, pod, seen)


def _restart(machine: Machine, pod: Pod, seen: Seen) -> Seen:
    engine.restart(machine, market_id=settings.MARKET_INSTANCE, pod_id=pod.public_id)
    return _look(machine, pod, seen)


def _stop(machine: Machine, pod: Pod, seen: Seen) -> Seen:
    engine.stop(machine, market_id=settings.MARKET_INSTANCE, pod_id=pod.public_id)
    return _look(machine, pod, seen)


def _remove(machine: Machine, pod: Pod, seen: Seen) -> Seen:
    engine.remove(machine, layout=blueprint.layout_of(pod.node), pod_id=pod.public_id)
    return replace(seen, container=GONE, readiness=None)


def _probe(machine: Machine, pod: Pod, seen: Seen) -> Seen:
    host, port = pod.node.public_host, evidence.ssh_port(pod)
    try:
        line = banner(host, port, deadline=terms.BANNER_SECONDS)
        key = scan_host_key(host, port, timeout=terms.BANNER_SECONDS)
    except MachineUnreachable as error:
        return replace(seen, readiness=Readiness(), error=str(error))
    same = key.split()[:2] == pod.host_public_key.split()[:2]
    readiness = Readiness(banner=line, host_key_matches=same)
    access = engine.GpuAccess(pod.node.gpu_access)
    try:
        gpus = frozenset(engine.visible_gpus(machine, pod_id=pod.public_id, access=access))
    except engine.GpuUnavailable as error:
        # The container runs all the same, and the rest of what was shown stands.
        return replace(seen, readiness=readiness, trouble=Reason.GPUS_UNAVAILABLE, error=str(error))
    except engine.PodNotRunning as error:
        # It ended since it was looked at. An engine that shows it to run all the same has shown no GPUs: a doubt.
        return replace(_look(machine, pod, seen), readiness=readiness, error=str(error))
    return replace(seen, readiness=replace(readiness, gpus=gpus))


_STEPS: Final[Mapping[Action, Callable[[Machine, Pod, Seen], Seen]]] = {
    Action.LOOK: _look,
    Action.FIND_IMAGE: _find_image,
    Action.CREATE: _create,
    Action.PULL: _pull,
    Action.START: _start,
    Action.RESTART: _restart,
    Action.STOP: _stop,
    Action.REMOVE: _remove,
    Action.PROBE: _probe,
}
_CONTACT: Final = (
    (engine.EngineDown, Contact.ENGINE_SILENT),
    (HostKeyChanged, Contact.REFUSED),
    (AccessDenied, Contact.REFUSED),
    (MachineUnreachable, Contact.SILENT),
    (OutcomeUnknown, Contact.SILENT),
)
_TROUBLE: Final = (
    (engine.ImagePullFailed, Reason.IMAGE_UNAVAILABLE),
    (engine.PortTaken, Reason.PORT_TAKEN),
    (engine.DiskFull, Reason.DISK_FULL),
    (engine.GpuUnavailable, Reason.GPUS_UNAVAILABLE),
)
