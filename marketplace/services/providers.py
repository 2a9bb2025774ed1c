"""Who provides machines: a workspace's provider, made when it is first needed, and where it is paid."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction

from accounts import limits
from accounts.models import Hotkey
from accounts.principal import Principal
from accounts.services import audit, challenges
from core.errors import Conflict, Invalid, NotFound
from marketplace.machine.keys import generate_keypair
from marketplace.models import Provider
from marketplace.selectors import resolve
from marketplace.services import machines

NAME: Final = re.compile(r"[\w.,'&+-][\w .,'&+-]{0,38}[\w.,'&+-]")


def find_provider(principal: Principal) -> Provider | None:
    """Give the provider of the caller's workspace, if it has one yet."""
    return Provider.objects.filter(workspace=principal.workspace).first()


def provider_of(principal: Principal, *, now: datetime) -> Provider:
    """Give the provider of the caller's workspace; at first, make it with a key pair of the platform's own.

    :raises Conflict: the workspace is a team's: console, payout and mail are a person's.
    """
    provider = find_provider(principal) or _create(principal, now=now)
    if provider.hotkey is None:
        _take_hotkey(provider)
    return provider


def neutral_name(public_id: UUID) -> str:
    """Give the name of a provider who chose none: nobody is named on the market by what they typed elsewhere."""
    return f"provider-{public_id.hex[:6]}"


def rename(*, principal: Principal, provider: Provider, name: str, now: datetime) -> Provider:
    """Change the name that everybody reads beside the provider's machines; none is the neutral one.

    :raises Invalid: it is no name, or an e-mail address.
    """
    chosen = " ".join(name.split()) or neutral_name(provider.public_id)
    if not NAME.fullmatch(chosen):
        raise Invalid(
            "A public name is 2 to 40 letters, digits, spaces and signs of .,'&+- only.",
            hint="An e-mail address is none: everybody would read it.",
        )
    with transaction.atomic():
        before, provider.name = provider.name, chosen
        provider.save(update_fields=["name"])
        if before != chosen:
            _record(principal, provider, "provider.rename", now=now, name=chosen)
    return provider


def coldkey_purpose(provider: Provider) -> str:
    """Say what a challenge is for that proves where the provider is to be paid."""
    return f"Pay the provider {provider.public_id} to this coldkey"


def prove_coldkey(
    *,
    principal: Principal,
    address: str,
    message: str,
    signature: str,
    now: datetime,
) -> Provider:
    """Pay the provider to a coldkey from now on; ``message`` is a challenge for `coldkey_purpose`.

    :raises NotFound: there is no provider yet. :raises Invalid: the address is none.
    :raises BadSignature: wrong, stale or used before. :raises RateLimited: too many tries.
    """
    provider = find_provider(principal)
    if provider is None:
        raise NotFound("There is no provider here yet.", hint="Add a machine first.")
    limits.signature()
    challenges.verify(address=address, message=message, signature=signature)
    challenges.require_challenge(message, purpose=coldkey_purpose(provider), now=now)
    with transaction.atomic():
        challenges.burn(address=address, message=message, now=now)
        provider.coldkey, provider.coldkey_proven_at = address, now
        provider.save(update_fields=["coldkey", "coldkey_proven_at"])
        _record(principal, provider, "provider.coldkey", now=now, coldkey=address)
    return provider


def forget_keys(*, principal: Principal, now: datetime) -> bool:
    """Let the provider of a workspace earn for no coldkey and no hotkey until others are proven; False without a coldkey."""
    provider = find_provider(principal)
    if provider is None or not (provider.coldkey or provider.hotkey):
        return False
    coldkey, hotkey = provider.coldkey, provider.hotkey
    with transaction.atomic():
        provider.coldkey, provider.coldkey_proven_at, provider.hotkey = "", None, None
        provider.save(update_fields=["coldkey", "coldkey_proven_at", "hotkey"])
        _record(
            principal, provider, "provider.keys.forget", now=now, coldkey=coldkey, hotkey=hotkey
        )
    return bool(coldkey)


def set_opted_in(
    *, principal: Principal, provider: Provider, opted_in: bool, now: datetime
) -> Provider:
    """Let this market reach the provider's machines, or not; it cannot run machines that it may not reach.

    :raises Conflict: machines of theirs are on the market's books.
    """
    with transaction.atomic():
        kept = 0 if opted_in else provider.nodes.filter(delisted_at=None).count()
        if kept:
            raise Conflict(
                f"{kept} of your machines are with this market, which could not reach them any more.",
                hint="Remove them first, with notice where they are rented.",
            )
        provider.opted_in = opted_in
        provider.save(update_fields=["opted_in"])
        _record(principal, provider, "provider.opt_in", now=now, opted_in=opted_in)
    return provider


def subscribe(
    *, principal: Principal, provider: Provider, gpu_names: Sequence[str], now: datetime
) -> Provider:
    """Choose the GPUs whose machine requests the provider hears of, by their full names.

    :raises UnknownGpu: a name means nothing here.
    """
    found = [resolve(name)[0].name for name in gpu_names]
    with transaction.atomic():
        provider.subscribed_gpus = sorted(set(found))
        provider.save(update_fields=["subscribed_gpus"])
        _record(principal, provider, "provider.subscribe", now=now, gpus=provider.subscribed_gpus)
    return provider


def _create(principal: Principal, *, now: datetime) -> Provider:
    if not principal.workspace.is_personal:
        raise Conflict(
            "Machines are provided from a personal workspace, not from a team's.",
            hint="Use a provider key of your personal workspace.",
        )
    private, public = generate_keypair()
    public_id = uuid4()
    provider = Provider(
        public_id=public_id,
        name=neutral_name(public_id),
        workspace=principal.workspace,
        ssh_public_key=public,
    )
    machines.seal_key(provider, private)
    try:
        with transaction.atomic():
            provider.save()
            _record(principal, provider, "provider.create", now=now)
    except IntegrityError:
        # Another request of the same workspace was first.
        return Provider.objects.get(workspace=principal.workspace)
    return provider


def _take_hotkey(provider: Provider) -> None:
    """Name the provider by the first hotkey of the workspace's owner; it is what others see on the market."""
    if provider.workspace is None:
        return
    owned = Hotkey.objects.filter(user=provider.workspace.owner_id).order_by("pk")
    free = owned.exclude(address__in=Provider.objects.filter(hotkey__isnull=False).values("hotkey"))
    hotkey = free.first()
    if hotkey is not None:
        provider.hotkey = hotkey.address
        provider.save(update_fields=["hotkey"])


def _record(
    principal: Principal, provider: Provider, action: str, *, now: datetime, **result: object
) -> None:
    audit.record(
        action=action,
        actor=principal.actor(),
        workspace_id=principal.workspace.pk,
        resource=("provider", provider.public_id),
        result=result,
        now=now,
    )
