"""API keys: made and reshaped by signed-in people only; a key may ask what was refused to it."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Status

from accounts import access, scope_words, selectors
from accounts.api import rows, schemas
from accounts.auth import KeyOrSession, SessionAuth, caller
from accounts.models import ApiKey, PodVisibility
from accounts.principal import Principal
from accounts.services import api_keys
from accounts.services.api_keys import DEFAULT_SCOPES, KeyRequest
from core import clock
from core.errors import NotFound

router = Router(tags=["keys"])


@router.get("/keys/scopes", response=schemas.ScopesOut)
def scopes(request: HttpRequest) -> dict[str, Any]:
    """Say in words what keys can be allowed; no credential is needed."""
    return scope_words.everything()


@router.get("/keys", response=list[schemas.KeyOut], auth=SessionAuth())
def listing(request: HttpRequest) -> list[dict[str, Any]]:
    """List the live keys of the workspace."""
    return rows.api_keys(list(selectors.api_keys(caller(request))), now=clock.now())


@router.post("/keys", response={201: schemas.NewKeyOut}, auth=SessionAuth())
def create(request: HttpRequest, payload: schemas.KeyIn) -> Status[dict[str, Any]]:
    """Make a key; its secret is in this answer and nowhere else."""
    principal, now = caller(request), clock.now()
    wanted = KeyRequest(
        name=payload.name,
        scopes=DEFAULT_SCOPES if payload.scopes is None else payload.scopes,
        pod_visibility=payload.pod_visibility or PodVisibility.ACCOUNT,
        budgets={name: getattr(payload, name) for name in api_keys.BUDGET_FIELDS},
    )
    key, secret = api_keys.create(principal=principal, request=wanted, now=now)
    return Status(201, rows.api_key(key, now=now) | {"key": secret})


@router.get("/keys/{uuid:key_id}", response=schemas.KeyOut, auth=SessionAuth())
def detail(request: HttpRequest, key_id: UUID) -> dict[str, Any]:
    """Give one key."""
    return rows.api_key(access.api_key_for(caller(request), key_id), now=clock.now())


@router.patch("/keys/{uuid:key_id}", response=schemas.KeyOut, auth=SessionAuth())
def set_budgets(request: HttpRequest, key_id: UUID, payload: schemas.Budgets) -> dict[str, Any]:
    """Change budgets: null removes one, one that is not sent stays."""
    principal, now = caller(request), clock.now()
    key = access.api_key_for(principal, key_id)
    changes = payload.dict(exclude_unset=True)
    changed = api_keys.set_budgets(key=key, changes=changes, actor=principal.actor(), now=now)
    return rows.api_key(changed, now=now)


@router.delete("/keys/{uuid:key_id}", response=schemas.MessageOut, auth=SessionAuth())
def revoke(request: HttpRequest, key_id: UUID) -> dict[str, str]:
    """End a key at once."""
    principal = caller(request)
    key = access.api_key_for(principal, key_id)
    api_keys.revoke(key=key, actor=principal.actor(), now=clock.now())
    return {"message": f"The API key {key.name} ({key.hint}) was revoked."}


@router.get("/keys/{uuid:key_id}/refusals", response=schemas.RefusalsOut, auth=KeyOrSession())
def refusals(request: HttpRequest, key_id: UUID) -> dict[str, Any]:
    """List what a key's budget refused; a key may ask about itself only."""
    key = _asked_about(caller(request), key_id)
    return {"refusals": [rows.refusal(row) for row in selectors.refusals(key)]}


def _asked_about(principal: Principal, key_id: UUID) -> ApiKey:
    if principal.api_key is None:
        return access.api_key_for(principal, key_id)
    if principal.api_key.public_id != key_id:
        raise NotFound("There is no such API key, or it is not the one that asks.")
    return principal.api_key
