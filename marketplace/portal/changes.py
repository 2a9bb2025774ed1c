"""What a provider decides about a machine: `/executors/{uuid}/...`."""

from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from core import clock
from marketplace.access import node_for_provider, node_to_announce
from marketplace.models import Node
from marketplace.portal.auth import PortalAuth, caller
from marketplace.portal.schemas import nodes
from marketplace.portal.schemas.common import Message
from marketplace.selectors.notices import kind_of
from marketplace.services import addresses, listing, notices

router = Router(tags=["machines"])


@router.post("/executors/{uuid:node_id}/update-price", response=Message, auth=PortalAuth())
def update_price(request: HttpRequest, node_id: UUID, payload: nodes.PriceIn) -> dict[str, str]:
    """Change the price for rentals from now on; pods that run keep theirs."""
    row = listing.set_price(
        node_id=_mine(request, node_id).pk,
        price_per_gpu_usd=payload.price_per_gpu,
        actor=caller(request).actor(),
        now=clock.now(),
    )
    return {"message": f"New rentals pay ${row.price_per_gpu_usd.normalize():f} per GPU-hour."}


@router.post("/executors/{uuid:node_id}/update-gpu", response=Message, auth=PortalAuth())
def update_gpu(request: HttpRequest, node_id: UUID, payload: nodes.GpuIn) -> dict[str, str]:
    """Claim other GPUs; the machine is checked again."""
    listing.change_claim(
        node_id=_mine(request, node_id).pk,
        gpu_model=payload.gpu_type,
        gpu_count=payload.gpu_count,
        actor=caller(request).actor(),
        now=clock.now(),
    )
    return {"message": "Noted. The machine is checked again."}


@router.post("/executors/{uuid:node_id}/update-address", response=Message, auth=PortalAuth())
def update_address(request: HttpRequest, node_id: UUID, payload: nodes.AddressIn) -> dict[str, str]:
    """Reach the machine elsewhere from now on, if its host key answers there."""
    row = _mine(request, node_id)
    addresses.change(
        node_id=row.pk,
        host=payload.ip_address,
        port=payload.port,
        actor=caller(request).actor(),
        now=clock.now(),
    )
    return {"message": f"{row.huid} is reached at {payload.ip_address}:{payload.port} from now on."}


@router.post(
    "/executors/{uuid:node_id}/min-gpu-count-for-rental", response=Message, auth=PortalAuth()
)
def set_smallest_pod(
    request: HttpRequest, node_id: UUID, payload: nodes.SmallestPodIn
) -> dict[str, str]:
    """Let pods have at least so many GPUs from now on."""
    row = listing.set_min_gpu_count(
        node_id=_mine(request, node_id).pk,
        min_gpu_count=payload.min_gpu_count_for_rental,
        actor=caller(request).actor(),
        now=clock.now(),
    )
    return {"message": f"A pod takes at least {row.min_gpu_count} GPUs from now on."}


@router.delete(
    "/executors/{uuid:node_id}/min-gpu-count-for-rental", response=Message, auth=PortalAuth()
)
def clear_smallest_pod(request: HttpRequest, node_id: UUID) -> dict[str, str]:
    """Let pods have any number of GPUs."""
    listing.clear_min_gpu_count(
        node_id=_mine(request, node_id).pk, actor=caller(request).actor(), now=clock.now()
    )
    return {"message": "A pod takes any number of GPUs from now on."}


@router.post("/executors/{uuid:node_id}/notice-period", response=Message, auth=PortalAuth())
def give_notice(request: HttpRequest, node_id: UUID, payload: nodes.NoticeIn) -> dict[str, str]:
    """Announce a maintenance or a removal; a notice that stands is replaced."""
    notice = notices.give(
        node_id=node_to_announce(caller(request), node_id).pk,
        starts_at=payload.starting_at,
        minutes=payload.period_in_minute,
        permanent=payload.permanent_removal,
        reason=payload.reason or "",
        actor=caller(request).actor(),
        now=clock.now(),
    )
    what, at = kind_of(notice).lower(), f"{notice.starts_at:%Y-%m-%d %H:%M} UTC"
    return {"message": f"Renters are told of the {what} at {at}."}


@router.delete("/executors/{uuid:node_id}/notice-period", response=Message, auth=PortalAuth())
def cancel_notice(request: HttpRequest, node_id: UUID) -> dict[str, str]:
    """Take a notice back."""
    row = node_to_announce(caller(request), node_id)
    notices.cancel(node_id=row.pk, actor=caller(request).actor(), now=clock.now())
    return {"message": "No notice stands any more."}


def _mine(request: HttpRequest, node_id: UUID) -> Node:
    return node_for_provider(caller(request), node_id)
