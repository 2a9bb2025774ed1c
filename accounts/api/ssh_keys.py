"""SSH public keys of the workspace."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from accounts import access, selectors
from accounts.api import rows, schemas
from accounts.auth import KeyOrSession, caller
from accounts.models import Scope
from accounts.services import ssh_keys
from core import clock

router = Router(tags=["ssh keys"], auth=KeyOrSession())


@router.get("/ssh-keys", response=list[schemas.SshKeyOut])
def listing(request: HttpRequest) -> list[dict[str, Any]]:
    """List the workspace's keys."""
    principal = caller(request)
    principal.require(Scope.READ)
    return [rows.ssh_key(key) for key in selectors.ssh_keys(principal)]


@router.post("/ssh-keys", response=schemas.SshKeyOut)
def add(request: HttpRequest, payload: schemas.SshKeyIn) -> dict[str, Any]:
    """Register a key; the same key again gives the one that is registered."""
    principal = caller(request)
    principal.require(Scope.RENT)
    key = ssh_keys.add(
        principal=principal, name=payload.name, public_key=payload.public_key, now=clock.now()
    )
    return rows.ssh_key(key)


@router.delete("/ssh-keys/{uuid:key_id}", response=schemas.MessageOut)
def delete(request: HttpRequest, key_id: UUID) -> dict[str, str]:
    """Forget a key; running pods keep it."""
    principal = caller(request)
    principal.require(Scope.MANAGE)
    key = access.ssh_key_for(principal, key_id)
    ssh_keys.delete(principal=principal, key=key, now=clock.now())
    return {"message": f"The SSH key {key.name} was deleted. Pods that hold it keep it."}
