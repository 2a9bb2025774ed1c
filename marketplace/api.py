"""The renter API of the market. Lists are arrays, public, and answer any key.

Fixed words under /executors stand before ``/executors/{uuid}/...``, which rentals serves.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from accounts.auth import ApiKeyAuth, caller
from accounts.models import Scope
from core import clock
from marketplace import hooks, limits, query, selectors
from marketplace.schemas import (
    Executor,
    ImageOut,
    MachineName,
    MachineRequestIn,
    MachineRequestOut,
)
from marketplace.services import requests

router = Router(tags=["marketplace"])


@router.get("/executors", response=list[Executor], openapi_extra=query.documentation())
def executors(request: HttpRequest) -> HttpResponse:
    """List the machines that can be rented now: cheapest GPU first, all of them unless ``limit`` is sent.

    ``X-Lium-Key`` in the answer says whether the key that was sent is alive.
    """
    # Read by hand: a schema of twenty fields would cost more than the query.
    wanted = query.read(request.META["QUERY_STRING"]).or_refuse()
    found = selectors.offers_json(
        wanted.filters,
        wanted.order,
        limit=wanted.limit,
        offset=wanted.offset,
        api_key=request.META.get("HTTP_X_API_KEY", ""),
    )
    response = HttpResponse(found.body, content_type="application/json")
    if found.key_is_live is not None:
        response["X-Lium-Key"] = "valid" if found.key_is_live else "invalid"
    return response


@router.get("/machines", response=list[MachineName])
def machines(request: HttpRequest) -> list[dict[str, str]]:
    """List every GPU that the market knows by its full name, on offer or not."""
    return [{"name": name} for name in selectors.full_names()]


@router.get("/executors/default-docker-image", response=list[ImageOut])
def default_docker_image(
    request: HttpRequest, gpu_model: str = "", driver_version: str = ""
) -> list[hooks.ImageChoice]:
    """List images that suit a machine, best first; empty where the market has no opinion."""
    return hooks.best_images(gpu_model, driver_version)


@router.get("/executors/infiniband-clusters", response=list[dict[str, Any]])
def infiniband_clusters(request: HttpRequest) -> list[dict[str, Any]]:
    """List clusters of machines on one fabric: this market has none."""
    return []


@router.post("/machine-requests", auth=ApiKeyAuth(), response=MachineRequestOut)
def machine_request(request: HttpRequest, payload: MachineRequestIn) -> dict[str, Any]:
    """Ask for machines that are not on offer; providers see the demand."""
    principal = caller(request)
    principal.require(Scope.RENT)
    limits.asking(principal.workspace)
    wish = requests.request_machine(
        workspace=principal.workspace,
        machine_name=payload.machine_name,
        gpu_count=payload.gpu_count or 1,
        now=clock.now(),
    )
    return {
        "id": str(wish.request.public_id),
        "provider_notified_count": wish.notified_count,
        "confirmation": (
            f"Noted: {wish.request.gpu_count} x {wish.gpu_model.name}. "
            f"{wish.provider_count} providers here have such machines. "
            "You are mailed once when one can be rented."
        ),
    }
