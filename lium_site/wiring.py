"""The callables that lower floors are handed, because they may not import upwards."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_UP, Decimal
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.urls import reverse

from accounts import hooks
from accounts.access import principal_of
from accounts.models import User, Workspace
from billing import hooks as billing_hooks
from billing.models import Deposit, DepositStatus, Payout
from billing.selectors import balance_usd
from billing.services import closing, coldkeys
from billing.services.grants import grant
from core import clock, live
from core.actors import PLATFORM, Actor
from core.words import counted
from lium_site.live import hub
from marketplace import hooks as marketplace_hooks
from marketplace.machine import MachineError
from marketplace.models import Webhook
from marketplace.services import alerts, payers, providers, webhooks
from marketplace.services import payees as payee_answers
from rentals.engine import EngineError
from rentals.models import Pod, PodStatus
from rentals.runtime import PackagesUnavailable
from rentals.selectors import burn_of
from rentals.services import ladder, paid_use, preparation, refunds_owed
from rentals.services.budgets import spend_of
from rentals.services.hosting import pods_on, rented_gpu_seconds
from rentals.services.starts import best_images

CENT: Final = Decimal("0.01")


def install() -> None:
    """Hand every lower floor its answers; called once a process."""
    live.install(hub)
    billing_hooks.install(
        billing_hooks.Hooks(
            burn_of=burn_of,
            subject_url=subject_url,
            ladder_of=ladder_of,
            open_alert=open_alert,
            close_alert=close_alert,
            payees=payees,
            unpaid_use=unpaid_use,
            credit_used=credit_used,
            payout_ended=payout_ended,
            deposit_credited=deposit_credited,
        )
    )
    marketplace_hooks.install(
        marketplace_hooks.Hooks(
            best_images=best_images,
            prepare_node=prepare_node,
            pods_on=pods_on,
            rented_gpu_seconds=rented_gpu_seconds,
        )
    )
    hooks.install(
        hooks.Hooks(
            on_signup=credit_signup,
            balance_of=balance_usd,
            spend_of=spend_of,
            reasons_to_keep=reasons_to_keep,
            on_close=settle_closed,
            on_claim=end_what_was_added,
        )
    )


def prepare_node(node_id: int) -> None:
    """Make a machine ready for pods."""
    try:
        preparation.prepare(node_id=node_id)
    except (EngineError, MachineError, PackagesUnavailable) as error:
        raise marketplace_hooks.NotPrepared(str(error)) from error


def credit_signup(workspace: Workspace, now: datetime) -> bool:
    """Grant the sign-up credit where one is set; True when something was granted."""
    if settings.MARKET_SIGNUP_CREDIT_USD <= 0:
        return False
    grant(
        workspace=workspace,
        usd=settings.MARKET_SIGNUP_CREDIT_USD,
        key=f"signup:{workspace.public_id}",
        reason="Sign-up credit",
        actor=PLATFORM,
        now=now,
    )
    return True


def ladder_of(workspace: Workspace, now: datetime) -> Sequence[billing_hooks.Rung]:
    """Say what the low-balance ladder does next to a workspace."""
    return ladder.preview(workspace, now=now)


def open_alert(kind: str, detail: str, now: datetime) -> None:
    """Tell operators what billing found."""
    alerts.open_alert(kind=kind, detail=detail, now=now)


def close_alert(kind: str, now: datetime) -> None:
    """Tell operators that it is over."""
    alerts.close_alert(kind=kind, now=now)


def payees(provider_ids: Collection[UUID]) -> Mapping[UUID, billing_hooks.Payee]:
    """Say to which coldkeys providers are paid, and who owes renters money back."""
    return payee_answers.payees(provider_ids, owing=refunds_owed.owing(now=clock.now()))


def unpaid_use(provider_ids: Collection[UUID], before: datetime) -> Mapping[UUID, Decimal]:
    """Say what providers earned that no renter's own money paid."""
    return paid_use.unpaid_of(provider_ids, before=before)


def credit_used(account_id: int, granted_usd: Decimal) -> Decimal:
    """Say what of a renter's charges credits paid."""
    return paid_use.credit_used(account_id, granted_usd=granted_usd)


def payout_ended(payout: Payout, now: datetime) -> None:
    """Tell a provider how a payout ended."""
    payee_answers.tell(payout, now=now)


def deposit_credited(deposit: Deposit, now: datetime) -> None:
    """Tell a renter that a payment is on the balance."""
    payers.tell(deposit, now=now)


def subject_url(kind: str, subject_id: UUID) -> str:
    """Give the page of what a ledger entry is about; empty where there is none."""
    pages = {"pod": "pod", "invoice": "invoice"}
    return reverse(pages[kind], args=[subject_id]) if kind in pages else ""


def reasons_to_keep(workspace: Workspace) -> list[hooks.Obstacle]:
    """Say what a workspace still holds; its account stays locked, where rents and payments meet."""
    debt = -closing.hold(workspace)
    pods = Pod.objects.filter(workspace=workspace)
    listed = pods.listed().count()
    # On a dead machine a pod is being removed for as long as that is dead, but charges nothing more.
    uncharged = Q(meter__ready_since__isnull=False) | Q(meter__settled=False)
    ending = pods.filter(uncharged, status=PodStatus.REMOVING).count()
    coming = Deposit.objects.filter(workspace=workspace, status=DepositStatus.SEEN).count()
    owed = f"a debt of {debt.quantize(CENT, ROUND_UP)} USD"
    obstacles = [
        (listed, counted(listed, "pod"), "Remove its pods."),
        (
            ending,
            f"{counted(ending, 'pod')} being removed",
            "Wait a minute until their last use is charged.",
        ),
        (coming, f"{counted(coming, 'payment')} on the way", "Wait until they are final."),
        (debt > 0, owed, "Pay it; what is left over then becomes the owner's."),
    ]
    return [hooks.Obstacle(what, remedy) for holds, what, remedy in obstacles if holds]


def settle_closed(workspace: Workspace, actor: Actor, now: datetime) -> None:
    """Give what a closed workspace leaves to its owner, and let its coldkeys go."""
    closing.hand_over(workspace, now=now)
    coldkeys.unlink_all(workspace=workspace, actor=actor, now=now)


def end_what_was_added(user: User, now: datetime) -> dict[str, int]:
    """End the coldkeys, webhooks and the provider's hotkey that an account got before its address was proven."""
    principal = principal_of(user)
    linked = [
        coldkeys.unlink_all(workspace=owned, actor=principal.actor(), now=now)
        for owned in user.owned_workspaces.all()
    ]
    paid_to = providers.forget_keys(principal=principal, now=now)
    of_account = Q(workspace__owner=user) | Q(provider__workspace__owner=user)
    added = list(Webhook.objects.filter(of_account).addresses())
    for webhook in added:
        webhooks.delete(principal=principal, webhook=webhook, now=now)
    return {"coldkey": sum(linked) + paid_to, "webhook": len(added)}
