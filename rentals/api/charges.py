"""What was charged: the statement of a workspace, the record and the receipt of a pod."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router

from accounts.auth import KeyOrSession, caller
from accounts.models import Scope
from core.errors import NotFound
from rentals import access, wire
from rentals.api.schemas import charges as schemas
from rentals.models import Receipt
from rentals.services import receipts, records, statement
from rentals.services.statement import Period

router = Router(tags=["charges"], auth=KeyOrSession())


@router.get("/billing/statement", response=schemas.StatementOut)
def read_statement(request: HttpRequest, query: Query[schemas.StatementQuery]) -> dict[str, Any]:
    """List what the ledger took, by pod and UTC day; removed pods included."""
    principal = caller(request)
    principal.require(Scope.READ)
    pods = access.visible_pods(principal)
    if query.api_key_id:
        pods = pods.filter(api_key__public_id=query.api_key_id)
    period = Period(start=query.start_day, end=query.end_day)
    return wire.statement(statement.read(pods, period=period), period=period)


@router.get("/pods/{uuid:pod_id}/record", response=schemas.RecordOut)
def read_record(request: HttpRequest, pod_id: UUID) -> dict[str, Any]:
    """Give the run record of a pod; removed ones too."""
    principal = caller(request)
    principal.require(Scope.READ)
    return wire.record(records.read(access.pod_for(principal, pod_id)))


@router.get("/pods/{uuid:pod_id}/receipt", response=schemas.ReceiptOut)
def read_receipt(request: HttpRequest, pod_id: UUID) -> dict[str, Any]:
    """Give the receipt of a pod that ended: the quote beside the charge, and the evidence."""
    principal = caller(request)
    principal.require(Scope.READ)
    try:
        return wire.receipt(receipts.read(access.pod_for(principal, pod_id)))
    except Receipt.DoesNotExist as missing:
        raise NotFound(
            "This pod has not ended, so it has no receipt yet.",
            hint="What it cost so far is at /pods/{id}/record.",
        ) from missing
