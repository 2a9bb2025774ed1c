"""The operator's view of proofs: rows are read, and made by services only."""

from django.contrib import admin

from accounts.admin_base import ReadOnlyAdmin, ReadOnlyInline, columns, with_reason
from core import clock
from core.actors import Actor
from core.money import rao_to_tao
from validation.models import (
    Band,
    CardSample,
    Metagraph,
    MetagraphPlace,
    Proof,
    ProofCheck,
    ProofEvent,
    ProofTry,
    Round,
    Weighing,
    WeightsSubmission,
)
from validation.services import metagraph, validator_key, wanting


class ProofCheckInline(ReadOnlyInline):
    """What each check measured."""

    model = ProofCheck
    fields = ["check_id", "status", "measured", "required", "remedy"]
    ordering = ["position"]


class ProofTryInline(ReadOnlyInline):
    """Tries that did not end it."""

    model = ProofTry
    fields = ["number", "ended_at", "reason", "record_sha256"]
    ordering = ["number"]


class ProofEventInline(ReadOnlyInline):
    """How it went, try by try."""

    model = ProofEvent
    fields = ["created_at", "from_status", "to_status", "reason_code", "reason", "actor_name"]
    ordering = ["id"]


@admin.register(Proof)
class ProofAdmin(ReadOnlyAdmin):
    """Proofs of machines' GPUs."""

    list_display = ["wanted_at", "node", "purpose", "status", "verdict", "simulated", "attempt", "reason"]  # fmt: skip
    list_filter = ["status", "verdict", "purpose", "simulated"]
    list_select_related = ["node"]
    search_fields = ["public_id", "node__public_id", "bundle_sha256"]
    ordering = ["-pk"]
    exclude = ["bundle", "lease_token", "lease_until"]
    inlines = [ProofCheckInline, ProofTryInline, ProofEventInline]
    actions = ["prove_again"]

    @with_reason("Prove the machine again")
    def prove_again(self, row: Proof, actor: Actor, reason: str) -> None:
        """Ask for another proof of the same machine."""
        wanting.ask(node=row.node, actor=actor, person=actor.id, now=clock.now())


@admin.register(ProofCheck)
class ProofCheckAdmin(ReadOnlyAdmin):
    """Checks of all proofs."""

    list_display = ["proof", "check_id", "status", "measured"]
    list_filter = ["status", "check_id"]
    list_select_related = ["proof"]
    search_fields = ["proof__public_id"]
    ordering = ["-pk"]


@admin.register(ProofEvent)
class ProofEventAdmin(ReadOnlyAdmin):
    """What happened to proofs."""

    list_display = ["created_at", "proof", "from_status", "to_status", "reason_code", "reason", "actor_name"]  # fmt: skip
    list_filter = ["reason_code"]
    list_select_related = ["proof"]
    search_fields = ["proof__public_id", "reason"]
    ordering = ["-pk"]


@admin.register(CardSample)
class CardSampleAdmin(ReadOnlyAdmin):
    """Times of sound proofs, card by card."""

    list_display = ["taken_at", "node", "gpu_model", "uuid", "shape", "fill_us", "sweep_us", "simulated"]  # fmt: skip
    list_filter = ["simulated", "gpu_model__short_name"]
    list_select_related = ["node", "gpu_model"]
    search_fields = ["uuid", "node__public_id"]
    ordering = ["-pk"]


@admin.register(Band)
class BandAdmin(ReadOnlyAdmin):
    """Bands, every version."""

    list_display = ["gpu_model", "shape", "version", "shadow", "met_by", "fill_median_us", "sweep_median_us", "sample_count", "machine_count", "published_at"]  # fmt: skip
    list_filter = ["shadow", "simulated"]
    list_select_related = ["gpu_model", "met_by"]
    ordering = ["-pk"]


@admin.register(Round)
class RoundAdmin(ReadOnlyAdmin):
    """Rounds of all idle machines."""

    list_display = ["started_at", "beacon_number", "second_number", "machine_count", "next_at", "chain"]  # fmt: skip
    ordering = ["-pk"]


class WeightsSubmissionInline(ReadOnlyInline):
    """What was sent of a weighing, and what the chain said."""

    model = WeightsSubmission
    fields = [
        *("sent_at", "hotkey", "status", "answered_at", "answer"),
        *("uids", "weights", "min_allowed", "max_share"),
    ]
    ordering = ["id"]


@admin.register(Weighing)
class WeighingAdmin(ReadOnlyAdmin):
    """What was weighed at which block."""

    list_display = ["block", "netuid", "made_at", "window_started_at", "window_ended_at", "simulated"]  # fmt: skip
    list_filter = ["netuid", "simulated"]
    ordering = ["-pk"]
    exclude = ["data"]
    inlines = [WeightsSubmissionInline]


@admin.register(Metagraph)
class MetagraphAdmin(ReadOnlyAdmin):
    """This market's validator: where it stands on the subnet, and what the chain said to its weights."""

    list_display = ["netuid", "own_uid", "own_stake", "own_permit", "own_last_update", "last_answer", "block", "read_at"]  # fmt: skip
    fields = ["own_hotkey", "own_uid", "own_coldkey", "own_stake", "own_permit", "own_last_update", "last_answer", *columns(Metagraph)]  # fmt: skip

    @admin.display(description="hotkey")
    def own_hotkey(self, row: Metagraph) -> str:
        """Name the validator's hotkey."""
        return validator_key.address() or "no key yet"

    @admin.display(description="place")
    def own_uid(self, row: Metagraph) -> str:
        """Give its place."""
        return str(place.uid) if (place := self._own(row)) else "none on this subnet"

    @admin.display(description="coldkey")
    def own_coldkey(self, row: Metagraph) -> str:
        """Name who owns it."""
        return (place.coldkey if (place := self._own(row)) else "") or "unknown"

    @admin.display(description="stake, alpha")
    def own_stake(self, row: Metagraph) -> str:
        """Give the weight of its stake."""
        return f"{rao_to_tao(place.stake_rao):f}" if (place := self._own(row)) else "unknown"

    @admin.display(description="permit", boolean=True)
    def own_permit(self, row: Metagraph) -> bool | None:
        """Say whether its weights count."""
        return place.validator_permit if (place := self._own(row)) else None

    @admin.display(description="weights set at block")
    def own_last_update(self, row: Metagraph) -> str:
        """Give the block of its newest vector, as the chain tells it."""
        block = place.last_update_block if (place := self._own(row)) else 0
        return str(block) if block else "never"

    @admin.display(description="the chain's last answer")
    def last_answer(self, row: Metagraph) -> str:
        """Say what became of the newest vector that was sent."""
        sent = WeightsSubmission.objects.filter(weighing__netuid=row.netuid).order_by("-pk").first()
        if sent is None:
            return "nothing was sent"
        return f"{sent.sent_at:%F %T}: {sent.get_status_display()}. {sent.answer}"

    def _own(self, row: Metagraph) -> MetagraphPlace | None:
        return metagraph.own_place(row, validator_key.address())


@admin.register(MetagraphPlace)
class MetagraphPlaceAdmin(ReadOnlyAdmin):
    """Everybody on the subnet."""

    list_display = ["uid", "hotkey", "coldkey", "stake_rao", "validator_permit", "active", "last_update_block"]  # fmt: skip
    list_filter = ["metagraph__netuid", "validator_permit", "active"]
    search_fields = ["hotkey", "coldkey"]
    ordering = ["metagraph__netuid", "uid"]
