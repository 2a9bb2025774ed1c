"""Registration tokens: let one machine add itself to a provider's account, for an hour.

The published client reads the claims without our secret, so it is a JWT; that it has added its machine is
noted beside the signatures that were used, and from then on it only reads.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_hex
from typing import Any, Final
from uuid import UUID

import jwt
from django.conf import settings
from django.db import transaction

from accounts.access import principal_in
from accounts.models import User
from accounts.principal import Principal
from accounts.services import audit, challenges
from accounts.services.challenges import BadSignature
from core import ss58
from core.errors import Forbidden, Unauthenticated
from marketplace.models import Node, Provider
from marketplace.services import onboarding
from marketplace.services.addresses import AddressTaken
from marketplace.services.onboarding import Claim

LIFE: Final = timedelta(hours=1)
SCOPE: Final = "register"
ALGORITHM: Final = "HS256"


class BadToken(Unauthenticated):
    """A registration token that is not ours, or past its hour."""

    code = "bad_register_token"


class TokenClaimed(Forbidden):
    """The token has added its machine."""

    code = "register_token_claimed"


@dataclass(frozen=True, slots=True)
class Registration:
    """Who a token acts for, and its number."""

    principal: Principal
    number: str


def issue(*, principal: Principal, provider: Provider, now: datetime) -> tuple[str, datetime]:
    """Make a token for the next machine of a provider, and say when it expires."""
    expires_at = now + LIFE
    claims = {
        "scope": SCOPE,
        "jti": token_hex(16),
        "sub": str(principal.user.public_id),
        "workspace": str(principal.workspace.public_id),
        "iat": int(now.timestamp()),
        "exp": int(expires_at.timestamp()),
        "subject": {
            "miner_hotkey": provider.account_id,
            "node_hotkey": provider.hotkey or _stand_in(provider),
            "opt_in_status": provider.opted_in,
        },
    }
    audit.record(
        action="machine.register_token",
        actor=principal.actor(),
        workspace_id=principal.workspace.pk,
        resource=("provider", provider.public_id),
        result={"expires_at": expires_at.isoformat()},
        now=now,
    )
    return jwt.encode(claims, _key(), algorithm=ALGORITHM), expires_at


def read(token: str, *, now: datetime) -> Registration:
    """Tell who a token acts for.

    :raises BadToken: it is not ours, or past its hour. :raises Forbidden: the account is suspended.
    :raises NotFound: the person is no longer a member of the workspace.
    """
    claims = _claims(token)
    user = User.objects.filter(public_id=claims["sub"]).first()
    if user is None or claims["scope"] != SCOPE or claims["exp"] <= now.timestamp():
        raise _bad()
    if not user.is_active:
        raise Forbidden("This account is suspended.", hint="Write to the operator of this market.")
    principal = principal_in(user, workspace_id=UUID(claims["workspace"]))
    return Registration(principal, claims["jti"])


def add_node(
    *, registration: Registration, provider: Provider, claim: Claim, now: datetime
) -> Node:
    """Add the one machine that a token is good for; the same machine again is told as such.

    :raises TokenClaimed: it has added another. :raises Invalid: as `onboarding.add` refuses.
    """
    used = f"{SCOPE} {registration.number}"
    try:
        with transaction.atomic():
            challenges.burn(address=str(provider.public_id), message=used, now=now)
            actor = registration.principal.actor()
            return onboarding.add(provider=provider, claim=claim, actor=actor, now=now)
    except BadSignature as error:
        _refuse_same(provider, claim)
        raise TokenClaimed(
            "This registration token has added its machine already.",
            hint="Each machine gets a token of its own on the page that adds machines.",
        ) from error


def _refuse_same(provider: Provider, claim: Claim) -> None:
    there = provider.nodes.filter(host=claim.host, ssh_port=claim.port, delisted_at=None)
    if there.exists():
        raise AddressTaken(hint="This token has added it already.")


def _claims(token: str) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            _key(),
            algorithms=[ALGORITHM],
            # Its time is judged against ``now``, not against the library's clock.
            options={"require": ["exp", "jti", "sub"], "verify_exp": False, "verify_iat": False},
        )
    except jwt.PyJWTError as error:
        raise _bad() from error
    return claims


def _bad() -> BadToken:
    return BadToken(
        "This registration token is not valid here, or its hour is over.",
        hint="Take a new one from the page that adds machines.",
    )


def _key() -> bytes:
    return sha256(b"marketplace.register_token" + settings.SECRET_KEY.encode()).digest()


def _stand_in(provider: Provider) -> str:
    """Give an address for an account without a hotkey, where the client insists on one; nobody has its key."""
    return ss58.address_of(sha256(provider.public_id.bytes).digest())
