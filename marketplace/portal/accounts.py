"""Signing in, and a provider's own account: `/auth`, `/miners`."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from ninja import Router

from accounts import email_change_mail, limits
from accounts.access import principal_of
from accounts.models import User
from accounts.services import claiming, emails, hotkeys, passwords, sessions
from core import clock
from core.errors import Invalid
from core.tokens import digest
from marketplace.access import nodes_of
from marketplace.models import Provider
from marketplace.portal import wire
from marketplace.portal.auth import PortalAuth, bearer_token, caller, provider
from marketplace.portal.schemas import accounts as schemas
from marketplace.portal.schemas.common import Message
from marketplace.portal.schemas.nodes import OverviewOut
from marketplace.services import providers

router = Router(tags=["account"])


@router.post("/auth/login-flexible", response=schemas.LoginOut)
def log_in(request: HttpRequest, payload: schemas.SignedIn) -> dict[str, Any]:
    """Open a session for a hotkey that signed the time or our challenge; an unknown one gets an account."""
    return _session(_signer(payload))


@router.post("/auth/login-email", response=schemas.LoginOut)
def log_in_by_email(request: HttpRequest, payload: schemas.EmailLogin) -> dict[str, Any]:
    """Open a session for an address and its password."""
    now = clock.now()
    token = sessions.sign_in(email=payload.email, password=payload.password, now=now)
    user = User.objects.with_email(payload.email).get()
    return _login(user, token)


@router.post("/auth/set-password", response=schemas.ProfileOut)
def set_password(request: HttpRequest, payload: schemas.NewPassword) -> dict[str, Any]:
    """Let a password open the account of the hotkey that signed; its sessions end."""
    user = _signer(payload)
    passwords.choose(user=user, password=payload.new_password, now=clock.now())
    return wire.profile(_provider_of(user), user)


@router.post("/auth/logout", response=Message, auth=PortalAuth())
def log_out(request: HttpRequest) -> dict[str, str]:
    """End the session that asks."""
    principal = caller(request)
    mine = principal.user.api_sessions.filter(digest=digest(bearer_token(request))).first()
    if mine is None:
        raise Invalid("A key has no session to end.", hint="Revoke it on the Keys page.")
    sessions.end(session=mine, actor=principal.actor(), now=clock.now())
    return {"message": "Signed out."}


@router.get("/auth/me", response=schemas.ProfileOut, auth=PortalAuth())
def me(request: HttpRequest) -> dict[str, Any]:
    """Tell the caller which provider they are."""
    return wire.profile(provider(request), caller(request).user)


@router.post("/auth/set-email", response=schemas.NewProfileOut, auth=PortalAuth())
def set_email(request: HttpRequest, payload: schemas.NewEmail) -> dict[str, Any]:
    """Change the address soon after a sign-in; earlier sessions end and a new one is given."""
    user, now = caller(request).user, clock.now()
    sessions.require_recent(token=bearer_token(request), now=now)
    limits.mail(payload.email)
    before = emails.set_email(user=user, email=payload.email, now=now)
    if before != user.email:
        _mail_of_change(request, user, before)
    token = sessions.open_session(user=user, now=now)
    hint = "" if claiming.is_proven(user) else _how_to_confirm()
    return wire.profile(provider(request), user) | {"token": token, "hint": hint}


@router.get("/auth/me/discord/oauth-url", response=Message, auth=PortalAuth())
def discord(request: HttpRequest) -> dict[str, str]:
    """Say that this market has no Discord."""
    raise Invalid(
        "This market does not use Discord.", hint="Set an e-mail address to hear of your machines."
    )


@router.post("/auth/set-machine-request-subscription", response=schemas.ProfileOut, auth=PortalAuth())  # fmt: skip
def subscribe(request: HttpRequest, payload: schemas.Subscription) -> dict[str, Any]:
    """Choose of which GPUs' machine requests to hear."""
    changed = providers.subscribe(
        principal=caller(request),
        provider=provider(request),
        gpu_names=payload.machine_request_subscription,
        now=clock.now(),
    )
    return wire.profile(changed, caller(request).user)


@router.post("/miners/opt-in", response=schemas.OptInOut, auth=PortalAuth())
def opt_in(request: HttpRequest, payload: schemas.OptIn) -> dict[str, Any]:
    """Let this market reach the provider's machines, or not."""
    changed = providers.set_opted_in(
        principal=caller(request),
        provider=provider(request),
        opted_in=payload.opt_in_status,
        now=clock.now(),
    )
    here = urlsplit(settings.PUBLIC_URL)
    return {
        "miner_hotkey": changed.account_id,
        "miner_coldkey": changed.coldkey,
        "central_miner_ip": here.hostname,
        "central_miner_port": here.port or (443 if here.scheme == "https" else 80),
    }


@router.get("/miners/overview", response=OverviewOut, auth=PortalAuth())
def overview(request: HttpRequest) -> dict[str, Any]:
    """List the provider's machines with what idle ones are refused: nothing, for only rentals are paid."""
    ids = nodes_of(provider(request)).values_list("public_id", flat=True)
    return {"node_rows": [{"executor_id": str(id_), "idle_pay_reasons": []} for id_ in ids]}


def _signer(payload: schemas.SignedIn) -> User:
    return hotkeys.sign_in(
        address=payload.miner_hotkey,
        message=payload.message,
        signature=payload.signature,
        now=clock.now(),
    )


def _session(user: User) -> dict[str, Any]:
    return _login(user, sessions.open_session(user=user, now=clock.now()))


def _login(user: User, token: str) -> dict[str, Any]:
    return {"miner": wire.profile(_provider_of(user), user), "token": token}


def _mail_of_change(request: HttpRequest, user: User, before: str) -> None:
    if before:
        email_change_mail.send(old=before, new=user.email or "")
    email_change_mail.ask_to_confirm(user=user, request=request)


def _how_to_confirm() -> str:
    page = f"{settings.PUBLIC_URL}{reverse('account_email')}"
    return (
        f"Confirm the address: sign in at {page}, then open the link that was mailed to it; the page sends another one. "
        "Until then a password reset ends this account's keys, hotkeys, coldkeys and webhooks."
    )


def _provider_of(user: User) -> Provider:
    return providers.provider_of(principal_of(user), now=clock.now())
