"""The local chain's own tables; nothing else of billing reads them (docs/money.md, The local chain)."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class LocalChain(models.Model):
    """The one chain of this database; its row lock is the chain's clock."""

    genesis = models.CharField(max_length=66)
    genesis_at = models.DateTimeField()
    block_seconds = models.PositiveIntegerField(help_text="0: blocks are made by hand only")
    head = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="local_chain_single")]

    def __str__(self) -> str:
        return f"local chain at {self.head}"


class LocalFork(models.Model):
    """A reorganisation: blocks from this number on have other hashes than before."""

    from_number = models.BigIntegerField()
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"fork {self.pk} from {self.from_number}"


class LocalAccount(models.Model):
    """An address with funds, in rao."""

    address = models.CharField(max_length=48, unique=True)
    free_rao = models.BigIntegerField(default=0)
    nonce = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(free_rao__gte=0), name="local_account_not_negative")
        ]

    def __str__(self) -> str:
        return f"{self.address}: {self.free_rao} rao"


class LocalStake(models.Model):
    """Alpha of a coldkey with a hotkey on a subnet, in rao of alpha."""

    coldkey = models.CharField(max_length=48)
    hotkey = models.CharField(max_length=48)
    netuid = models.PositiveIntegerField()
    alpha_rao = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "local stake"
        constraints = [
            models.UniqueConstraint(
                fields=["coldkey", "netuid", "hotkey"], name="local_stake_place_once"
            ),
            models.CheckConstraint(condition=Q(alpha_rao__gte=0), name="local_stake_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.alpha_rao} rao of alpha {self.netuid} of {self.coldkey}"


class LocalTransfer(models.Model):
    """A transfer in a block, or dropped by a reorganisation (no block); of alpha where ``netuid`` is given."""

    hash = models.CharField(max_length=66, unique=True)
    block_number = models.BigIntegerField(null=True)
    event_index = models.PositiveIntegerField(null=True)
    sender = models.CharField(max_length=48)
    destination = models.CharField(max_length=48)
    amount_rao = models.BigIntegerField()
    netuid = models.PositiveIntegerField(null=True, help_text="empty: TAO")
    hotkey = models.CharField(max_length=48, blank=True)
    fee_rao = models.BigIntegerField()
    nonce = models.BigIntegerField(null=True, help_text="empty: minted by the faucet")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["block_number", "event_index"], name="local_transfer_place_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.amount_rao} rao to {self.destination}"


class LocalNeuron(models.Model):
    """A hotkey's place on a subnet of the local chain."""

    netuid = models.PositiveIntegerField()
    uid = models.PositiveIntegerField()
    hotkey = models.CharField(max_length=48)
    registered_at_block = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["netuid", "uid"], name="local_neuron_place_once"),
            models.UniqueConstraint(fields=["netuid", "hotkey"], name="local_neuron_hotkey_once"),
        ]

    def __str__(self) -> str:
        return f"{self.hotkey} is {self.uid} on {self.netuid}"


class LocalWeights(models.Model):
    """A vector that the local chain took from a validator; the newest counts."""

    hash = models.CharField(max_length=66, unique=True)
    netuid = models.PositiveIntegerField()
    hotkey = models.CharField(max_length=48)
    block_number = models.BigIntegerField()
    counts_from_block = models.BigIntegerField(help_text="later where weights are hidden first")
    uids = ArrayField(models.PositiveIntegerField())
    weights = ArrayField(models.PositiveIntegerField())

    class Meta:
        verbose_name_plural = "local weights"

    def __str__(self) -> str:
        return f"{len(self.uids)} weights by {self.hotkey} at {self.block_number}"
