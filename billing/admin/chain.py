"""How far the chain is read and what is moved on it; and the local chain itself, where that is the chain."""

from django.conf import settings
from django.contrib import admin

from accounts.admin_base import ReadOnlyAdmin, columns
from billing.admin.events import PaymentEventInline
from billing.models import (
    ChainCursor,
    DepositKey,
    LocalAccount,
    LocalChain,
    LocalFork,
    LocalNeuron,
    LocalStake,
    LocalTransfer,
    LocalWeights,
    OutgoingTransfer,
)


@admin.register(DepositKey)
class DepositKeyAdmin(ReadOnlyAdmin):
    """Public keys whose children are deposit addresses, and how many were given out."""

    fields = columns(DepositKey)
    list_display = ["public_key", "next_index"]
    ordering = ["-pk"]


class OutgoingEventInline(PaymentEventInline):
    """What happened to a transfer, and why."""

    fk_name = "transfer"


@admin.register(OutgoingTransfer)
class OutgoingTransferAdmin(ReadOnlyAdmin):
    """What we send: sweeps into the treasury, payouts, refunds."""

    fields = columns(OutgoingTransfer, without=frozenset({"body"}))
    list_display = ["kind", "status", "amount_rao", "destination", "nonce", "error", "updated_at"]
    list_filter = ["kind", "status"]
    search_fields = ["=public_id", "=sender", "=destination", "=extrinsic_hash"]
    ordering = ["-pk"]
    inlines = [OutgoingEventInline]


@admin.register(ChainCursor)
class ChainCursorAdmin(ReadOnlyAdmin):
    """How far the chain is read."""

    fields = columns(ChainCursor)
    list_display = ["network", "number", "best", "block_at", "read_at"]
    ordering = ["-read_at"]


class LocalChainAdmin(ReadOnlyAdmin):
    """The one chain of this database."""

    fields = columns(LocalChain)
    list_display = ["genesis", "head", "block_seconds", "genesis_at"]


class LocalForkAdmin(ReadOnlyAdmin):
    """Reorganisations."""

    fields = columns(LocalFork)
    list_display = ["pk", "from_number", "made_at"]
    ordering = ["-pk"]


class LocalAccountAdmin(ReadOnlyAdmin):
    """Addresses with funds."""

    fields = columns(LocalAccount)
    list_display = ["address", "free_rao", "nonce"]
    search_fields = ["=address"]
    ordering = ["-pk"]


class LocalStakeAdmin(ReadOnlyAdmin):
    """Alpha of coldkeys."""

    fields = columns(LocalStake)
    list_display = ["coldkey", "hotkey", "netuid", "alpha_rao"]
    search_fields = ["=coldkey", "=hotkey"]
    ordering = ["-pk"]


class LocalTransferAdmin(ReadOnlyAdmin):
    """Transfers, in blocks and dropped."""

    fields = columns(LocalTransfer)
    list_display = ["block_number", "event_index", "sender", "destination", "amount_rao", "fee_rao"]
    search_fields = ["=hash", "=sender", "=destination"]
    ordering = ["-pk"]


class LocalNeuronAdmin(ReadOnlyAdmin):
    """Places of hotkeys on subnets."""

    fields = columns(LocalNeuron)
    list_display = ["netuid", "uid", "hotkey", "registered_at_block"]
    search_fields = ["=hotkey"]
    ordering = ["netuid", "uid"]


class LocalWeightsAdmin(ReadOnlyAdmin):
    """Vectors that validators set."""

    fields = columns(LocalWeights)
    list_display = ["netuid", "hotkey", "block_number"]
    search_fields = ["=hash", "=hotkey"]
    ordering = ["-pk"]


if settings.MARKET_CHAIN == "local":
    admin.site.register(LocalChain, LocalChainAdmin)
    admin.site.register(LocalFork, LocalForkAdmin)
    admin.site.register(LocalAccount, LocalAccountAdmin)
    admin.site.register(LocalStake, LocalStakeAdmin)
    admin.site.register(LocalTransfer, LocalTransferAdmin)
    admin.site.register(LocalNeuron, LocalNeuronAdmin)
    admin.site.register(LocalWeights, LocalWeightsAdmin)
