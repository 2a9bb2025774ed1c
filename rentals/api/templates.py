"""Templates: the market's own, and those of the caller's workspace."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Status

from accounts.auth import KeyOrSession, OptionalKey, caller, caller_or_none
from core import clock
from rentals import access, wire
from rentals.api.refusals import NotOffered
from rentals.api.schemas import templates as schemas
from rentals.api.schemas.common import Message
from rentals.services import starts, templates
from rentals.services.templates import TemplateDraft

router = Router(tags=["templates"])


@router.get("/templates", response=list[schemas.TemplateOut], auth=OptionalKey())
def listing(request: HttpRequest) -> list[dict[str, Any]]:
    """List the templates that the caller may rent with, the market's own first."""
    reader = caller_or_none(request)
    rows = starts.listed_templates(reader.workspace if reader else None)
    return [wire.template(row, reader=reader) for row in rows]


@router.get("/templates/{uuid:template_id}", response=schemas.TemplateOut, auth=OptionalKey())
def detail(request: HttpRequest, template_id: UUID) -> dict[str, Any]:
    """Give one template."""
    reader = caller_or_none(request)
    return wire.template(access.template_for(reader, template_id), reader=reader)


@router.post("/templates", response={201: schemas.TemplateOut}, auth=KeyOrSession())
def create(request: HttpRequest, payload: schemas.TemplateIn) -> Status[dict[str, Any]]:
    """Make a template for the own workspace."""
    principal = caller(request)
    row = templates.create(principal=principal, draft=_draft(payload))
    return Status(201, wire.template(row, reader=principal))


@router.put("/templates/{uuid:template_id}", response=schemas.TemplateOut, auth=KeyOrSession())
def update(request: HttpRequest, template_id: UUID, payload: schemas.TemplateIn) -> dict[str, Any]:
    """Change an own template; pods that run keep what they were rented with."""
    principal, draft = caller(request), _draft(payload)
    row = templates.update(
        principal=principal, template_id=template_id, draft=draft, now=clock.now()
    )
    return wire.template(row, reader=principal)


@router.delete("/templates/{uuid:template_id}", response=Message, auth=KeyOrSession())
def delete(request: HttpRequest, template_id: UUID) -> dict[str, str]:
    """Take an own template off the list; pods that use it go on."""
    templates.delete(principal=caller(request), template_id=template_id, now=clock.now())
    return {"message": "The template is deleted."}


def _draft(payload: schemas.TemplateIn) -> TemplateDraft:
    if payload.entrypoint:
        raise NotOffered(
            "an entry point of the template's own",
            instead="Put the command into startup_commands, and leave entrypoint empty.",
            field="entrypoint",
        )
    fields = payload.dict()
    return TemplateDraft(one_time=fields.pop("one_time_template"), **fields)
