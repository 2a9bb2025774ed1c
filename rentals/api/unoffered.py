"""What the published client can ask for and this market does not offer: empty lists, and refusals that say so."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from accounts.auth import KeyOrSession, caller
from accounts.models import Scope
from core.errors import NotFound
from rentals import access
from rentals.api.refusals import NotOffered
from rentals.api.schemas.common import Message, PageOut

router = Router(tags=["not offered"], auth=KeyOrSession())
COPY_FILES = "Copy files with `lium scp` or `lium rsync`; a stopped pod keeps its own."

NO_BACKUPS = f"This market does not offer backups. {COPY_FILES}"


class ResetNotSupported(NotOffered):
    """The client's own word for a GPU that cannot be reset."""

    code = "reset_not_supported"


@router.get("/volumes", response=list[dict[str, Any]])
@router.get("/backup-configs", response=list[dict[str, Any]])
def nothing(request: HttpRequest) -> list[dict[str, Any]]:
    """List what there is none of."""
    caller(request).require(Scope.READ)
    return []


@router.get("/backup-logs/", response=PageOut)
def no_backup_logs(request: HttpRequest) -> dict[str, Any]:
    """Page through no backups."""
    caller(request).require(Scope.READ)
    return {"items": [], "has_next": False}


@router.get("/backup-logs/pod/{uuid:pod_id}", response=PageOut)
@router.get("/pods/{uuid:pod_id}/restore-logs", response=PageOut)
def no_logs_of_pod(request: HttpRequest, pod_id: UUID) -> dict[str, Any]:
    """Page through no backups of a pod of the caller's."""
    _own_pod(request, pod_id, Scope.READ)
    return {"items": [], "has_next": False}


@router.get("/backup-configs/pod/{uuid:pod_id}", response=Message)
def no_backup_config(request: HttpRequest, pod_id: UUID) -> None:
    """Say that a pod has no backup schedule."""
    _own_pod(request, pod_id, Scope.READ)
    raise NotFound("This pod has no backup schedule.", hint=NO_BACKUPS)


@router.post("/volumes", response=Message)
def no_volume(request: HttpRequest) -> None:
    """Refuse a volume."""
    caller(request).require(Scope.RENT)
    raise NotOffered("network volumes", instead=COPY_FILES)


@router.get("/volumes/{uuid:volume_id}", response=Message)
@router.put("/volumes/{uuid:volume_id}", response=Message)
@router.delete("/volumes/{uuid:volume_id}", response=Message)
def no_such_volume(request: HttpRequest, volume_id: UUID) -> None:
    """Say that there is no such volume."""
    raise _none(request, "volume", because=f"This market does not offer volumes. {COPY_FILES}")


@router.put("/backup-configs/{uuid:config_id}", response=Message)
@router.delete("/backup-configs/{uuid:config_id}", response=Message)
def no_such_schedule(request: HttpRequest, config_id: UUID) -> None:
    """Say that there is no such backup schedule."""
    raise _none(request, "backup schedule", because=NO_BACKUPS)


@router.get("/backup-logs/{uuid:log_id}", response=Message)
@router.delete("/backup-logs/{uuid:log_id}", response=Message)
@router.post("/backup-logs/{uuid:log_id}/cancel", response=Message)
def no_such_backup(request: HttpRequest, log_id: UUID) -> None:
    """Say that there is no such backup."""
    raise _none(request, "backup", because=NO_BACKUPS)


@router.post("/restore-logs/{uuid:log_id}/cancel", response=Message)
def no_such_restore(request: HttpRequest, log_id: UUID) -> None:
    """Say that no such backup is being restored."""
    raise _none(request, "restore", because=NO_BACKUPS)


@router.post("/backup-configs", response=Message)
def no_schedule(request: HttpRequest) -> None:
    """Refuse a backup schedule."""
    caller(request).require(Scope.RENT)
    raise NotOffered("backups", instead=COPY_FILES)


@router.post("/pods/{uuid:pod_id}/backup", response=Message)
@router.post("/pods/{uuid:pod_id}/restore", response=Message)
def no_backup(request: HttpRequest, pod_id: UUID) -> None:
    """Refuse a backup, or its return."""
    _own_pod(request, pod_id, Scope.RENT)
    raise NotOffered("backups", instead=COPY_FILES)


@router.post("/pods/{uuid:pod_id}/reset-gpu", response=Message)
def no_gpu_reset(request: HttpRequest, pod_id: UUID) -> None:
    """Refuse to reset GPUs under a running container."""
    _own_pod(request, pod_id, Scope.RENT)
    raise ResetNotSupported("resetting GPUs", instead="Reboot the pod, or rent another node.")


@router.put("/pods/{uuid:pod_id}/switch-template", response=Message)
def no_switch(request: HttpRequest, pod_id: UUID) -> None:
    """Refuse another template under a running pod."""
    _own_pod(request, pod_id, Scope.RENT)
    raise NotOffered("changing a pod's template", instead="Rent a pod with the other template.")


@router.post("/pods/{uuid:pod_id}/install-jupyter", response=Message)
def no_jupyter(request: HttpRequest, pod_id: UUID) -> None:
    """Refuse to install Jupyter."""
    _own_pod(request, pod_id, Scope.RENT)
    raise NotOffered(
        "installing Jupyter",
        instead="Start it over `lium ssh` and reach it with `lium port-forward`.",
    )


@router.post("/executors/cluster/rent", response=Message)
def no_cluster(request: HttpRequest) -> None:
    """Refuse a cluster."""
    caller(request).require(Scope.RENT)
    raise NotOffered("clusters of several nodes", instead="Rent one node with several GPUs.")


@router.delete("/clusters/{uuid:cluster_id}", response=Message)
def no_such_cluster(request: HttpRequest, cluster_id: UUID) -> None:
    """Say that there is no such cluster."""
    raise _none(request, "cluster", because="This market does not offer clusters.")


@router.post("/build-contexts", response=Message)
def no_build(request: HttpRequest) -> None:
    """Refuse a build context."""
    caller(request).require(Scope.RENT)
    raise NotOffered(
        "building images", instead="Push the image to a registry and name it: `lium up --image`."
    )


def _own_pod(request: HttpRequest, pod_id: UUID, scope: Scope) -> None:
    principal = caller(request)
    principal.require(scope)
    access.pod_for(principal, pod_id)


def _none(request: HttpRequest, thing: str, *, because: str) -> NotFound:
    caller(request).require(Scope.READ if request.method == "GET" else Scope.RENT)
    return NotFound(f"There is no such {thing}.", hint=because)
