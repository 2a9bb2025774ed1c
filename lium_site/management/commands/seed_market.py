"""What a fresh market has: the GPU catalogue, templates, an admin, and a renter with a small balance."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction

from accounts.models import ApiKey, Scope, User, Workspace
from billing.chain.local import subnet
from billing.services import pricing
from billing.services.grants import grant
from core import clock
from core.actors import PLATFORM
from core.tokens import digest
from lium_site.settings import env
from marketplace.services import gpu_catalogue
from rentals.services import templates
from validation.services.validator_key import validator_key

DEMO_BALANCE_USD: Final = Decimal(25)


class Command(BaseCommand):
    """Seed a market; everything it makes is made once, and passwords follow the environment."""

    help = "Load the GPU catalogue and templates; make the admin and the demo renter."

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed, in one transaction."""
        now = clock.now()
        with transaction.atomic():
            gpu_catalogue.load()
            templates.seed()
            _admin()
            _fund(_renter(now), now)
            if settings.MARKET_CHAIN == "local":
                # A validator needs a place of its own to set weights; on the simulated chain it is free.
                subnet.register(netuid=settings.MARKET_NETUID, hotkey=validator_key().ss58_address)
        # The first price is there before the first page; a feed may be asked, so no transaction is open.
        pricing.refresh(now=now)


def _admin() -> None:
    email = env.text("MARKET_ADMIN_EMAIL", "admin@localhost")
    password = env.text("MARKET_ADMIN_PASSWORD", "")
    if not password:
        return
    admin = User.objects.with_email(email).first() or User.objects.create_superuser(email, password)
    _keep_password(admin, password)


def _renter(now: datetime) -> Workspace | None:
    email = env.text("MARKET_RENTER_EMAIL", "renter@localhost")
    password = env.text("MARKET_RENTER_PASSWORD", "")
    if not password:
        return None
    renter = User.objects.with_email(email).first() or User.objects.create_user(
        email, password, name="Demo renter"
    )
    _keep_password(renter, password)
    workspace = Workspace.objects.get(owner=renter, is_personal=True)
    if token := env.text("MARKET_RENTER_API_KEY", ""):
        _api_key(renter, workspace, token, now)
    return workspace


def _keep_password(user: User, password: str) -> None:
    if not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])


def _api_key(renter: User, workspace: Workspace, token: str, now: datetime) -> None:
    ApiKey.objects.get_or_create(
        digest=digest(token),
        defaults={
            "workspace": workspace,
            "user": renter,
            "name": "Demo",
            "prefix": token[:6],
            "last_four": token[-4:],
            "scopes": [Scope.READ, Scope.RENT, Scope.MANAGE],
            "created_at": now,
        },
    )


def _fund(workspace: Workspace | None, now: datetime) -> None:
    if workspace is not None:
        grant(
            workspace=workspace,
            usd=DEMO_BALANCE_USD,
            key=f"demo:{workspace.public_id}",
            reason="Balance to try the market with",
            actor=PLATFORM,
            now=now,
        )
