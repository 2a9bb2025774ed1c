"""Put the machine described on standard input on the market, through the checks that every machine passes."""

import json
import sys
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from billing.chain.local import subnet
from core import clock
from core.ss58 import address_of
from marketplace.checks import BY_ID
from marketplace.models import CheckRun, CheckStatus, Outcome, Provider, Trigger
from marketplace.services import checking, enrolment
from marketplace.services.enrolment import Description

FIELDS = ("name", "host", "port", "user", "host_key", "private_key", "state_dir", "public_host")


class Command(BaseCommand):
    """Read one JSON object from standard input; repeat it whenever the machine was started anew."""

    help = "Enrol the machine that the JSON object on standard input describes."

    def handle(self, *args: Any, **options: Any) -> None:
        """Register and check it, or say what is wrong."""
        description = _description(sys.stdin.read())
        node = enrolment.register(description, now=clock.now())
        run = checking.run_now(node_id=node.pk, trigger=Trigger.OPERATOR, now=clock.now())
        if run.outcome != Outcome.PASSED:
            raise CommandError(f"{node.huid} cannot be listed. {_what_is_wrong(run)}")
        node.refresh_from_db()
        if settings.MARKET_CHAIN == "local":
            _join_subnet(node.provider)
        gpus = f"{node.gpu_count} x {node.gpu_model.short_name}"
        note = " (simulated)" if node.simulated else ""
        self.stdout.write(f"{node.huid} is on the market: {gpus}{note}")


def _join_subnet(provider: Provider) -> None:
    """Give this computer's miner a place on the simulated subnet, under a hotkey that nobody holds."""
    if provider.hotkey is None:
        seed = f"lium_site local miner {settings.MARKET_INSTANCE} {provider.public_id}"
        provider.hotkey = address_of(sha256(seed.encode()).digest())
        provider.save(update_fields=["hotkey"])
    subnet.register(netuid=settings.MARKET_NETUID, hotkey=provider.hotkey)


def _description(text: str) -> Description:
    try:
        given = json.loads(text)
        first, last = given["port_range"]
        return Description(
            **{name: given[name] for name in FIELDS},
            port_range=(int(first), int(last)),
            gpus=int(given.get("gpus", 0)),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(
            f"The description is not usable ({error!r}). Send one JSON object with "
            f"{', '.join(FIELDS)}, port_range and gpus."
        ) from error


def _what_is_wrong(run: CheckRun) -> str:
    bad = run.results.filter(status__in=[CheckStatus.FAILED, CheckStatus.UNKNOWN])
    return " ".join(
        f"{BY_ID[result.check_id].title}: {result.measured} {result.fix}"
        for result in bad.order_by("position")
    )
