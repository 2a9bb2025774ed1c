"""Sign-up, login and the caller: `/users`, `/auth`, `/users/me`."""

from typing import Any

from django.http import HttpRequest
from ninja import Router, Status

from accounts.api import rows, schemas
from accounts.auth import KeyOrSession, caller
from accounts.services import sessions, signup
from core import clock

router = Router(tags=["accounts"])


@router.post("/users", response={201: schemas.SignUpOut})
def sign_up(request: HttpRequest, payload: schemas.SignUpIn) -> Status[dict[str, Any]]:
    """Make an e-mail account with its first API key."""
    account = signup.sign_up(
        email=payload.email, password=payload.password, name=payload.name, now=clock.now()
    )
    return Status(
        201,
        {
            "id": account.user.public_id,
            "email": account.user.email,
            "api_key": account.api_key,
            "signup_credit_granted": account.credited,
        },
    )


@router.post("/users/login", response=schemas.TokenOut)
def log_in(request: HttpRequest, payload: schemas.LoginIn) -> dict[str, str]:
    """Open a session for an address and its password."""
    token = sessions.sign_in(email=payload.email, password=payload.password, now=clock.now())
    return {"token": token}


@router.post("/auth/signup", response={201: schemas.FingerprintSignUpOut})
def sign_up_by_fingerprint(request: HttpRequest) -> Status[dict[str, Any]]:
    """Make an account without an address; the fingerprint is its only login."""
    account = signup.sign_up_by_fingerprint(now=clock.now())
    return Status(
        201,
        {
            "fingerprint": account.fingerprint,
            "user_id": account.user.public_id,
            "username": account.user.display_name,
            "api_key": account.api_key,
            "signup_credit_granted": account.credited,
        },
    )


@router.post("/auth/login", response=schemas.TokenOut)
def log_in_by_fingerprint(request: HttpRequest, payload: schemas.FingerprintIn) -> dict[str, str]:
    """Open a session for a fingerprint."""
    token = sessions.sign_in_by_fingerprint(fingerprint=payload.fingerprint, now=clock.now())
    return {"token": token}


@router.get("/users/me", response=schemas.MeOut, auth=KeyOrSession())
def me(request: HttpRequest) -> dict[str, Any]:
    """Tell the caller who they are, in which workspace, and its balance."""
    return rows.me(caller(request))
