"""The one door from a request to a pod: a stranger gets 404."""

from typing import Final
from uuid import UUID

from accounts.models import Scope
from accounts.principal import Principal
from core.errors import NotFound
from rentals.models import Pod, Template
from rentals.models.pod import PodQuerySet

OWN: Final = "own"


def visible_pods(principal: Principal) -> PodQuerySet:
    """Select what the caller may see: the workspace's pods, or only the key's own."""
    pods = Pod.objects.filter(workspace=principal.workspace)
    key = principal.api_key
    return pods.filter(api_key=key) if key and key.pod_visibility == OWN else pods


def pod_for(principal: Principal, public_id: UUID) -> Pod:
    """Find a pod of the caller's, removed ones included.

    :raises NotFound: there is none, or it is somebody else's.
    """
    rows = visible_pods(principal).select_related("node__gpu_model", "template", "workspace")
    pod = rows.filter(public_id=public_id).first()
    if pod is None:
        raise NotFound("There is no such pod.", hint="List yours with `lium ps` or on /pods.")
    return pod


def pod_to_change(principal: Principal, public_id: UUID) -> Pod:
    """Find a pod that the caller may change: a key that rents, what it rented itself; one that manages, all it sees.

    :raises NotFound: there is none, or it is somebody else's. :raises MissingScope: the key may only look at it.
    """
    if Scope.MANAGE not in principal.scopes:
        principal.require(Scope.RENT)
    pod = pod_for(principal, public_id)
    key = principal.api_key
    if key is None or pod.api_key_id != key.pk:
        principal.require(Scope.MANAGE)
    return pod


def template_for(principal: Principal | None, public_id: UUID) -> Template:
    """Find a template that the caller may use.

    :raises NotFound: there is none, or it is somebody else's.
    """
    usable = Template.objects.usable_by(principal.workspace if principal else None)
    template = usable.filter(public_id=public_id).first()
    if template is None:
        raise NotFound("There is no such template.", hint="List them with `lium templates`.")
    return template
