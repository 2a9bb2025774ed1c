"""The standing deposit address of a workspace: made when it is first asked for, the same from then on."""

from datetime import datetime

from django.db import transaction

from accounts.models import Workspace
from billing.models import StandingAddress
from billing.services import checkout


def address_of(workspace: Workspace, *, now: datetime) -> StandingAddress:
    """Give a workspace's address under the market's present deposit key.

    :raises CheckoutUnavailable: there is no deposit key.
    """
    public_key = "0x" + checkout.require_configured().hex()
    found = StandingAddress.objects.filter(
        workspace=workspace, deposit_key__public_key=public_key
    ).first()
    return found or _create(workspace, now=now)


def _create(workspace: Workspace, *, now: datetime) -> StandingAddress:
    with transaction.atomic(durable=True):
        # The lock on the deposit key keeps two first visits apart: the second finds what the first has made.
        child = checkout.next_address()
        return StandingAddress.objects.get_or_create(
            workspace=workspace,
            deposit_key=child.key,
            defaults={
                "derivation_index": child.index,
                "address": child.address,
                "created_at": now,
            },
        )[0]
