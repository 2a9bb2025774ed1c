"""The main job as a renter does it, one small step after another."""

import time
from collections.abc import Callable
from decimal import Decimal
from uuid import uuid4

from lium_site.stack import demo_proof
from lium_site.stack.console import StackError
from lium_site.stack.demo_journey import Journey
from lium_site.stack.demo_payment import (
    await_credit,
    await_final,
    await_seen,
    make_invoice,
    pay,
    sign_up,
)
from lium_site.stack.renter import Refused, run_inside

COMMAND = "nproc; nvidia-smi -L"
POD_NAME = "demo"
START_SECONDS = 120.0
END_SECONDS = 60.0
POLL_SECONDS = 0.2

# Long enough that the charge is above zero at any price on the market.
STAY_SECONDS = 3.0


def choose_machine(journey: Journey) -> str:
    """Pick the cheapest machine that is free."""
    free = [row for row in journey.renter.get("executors") if row.get("available_gpu_count")]
    if not free:
        raise StackError("no machine is free: GET /api/executors lists none with a free GPU")
    journey.executor = min(free, key=lambda row: Decimal(str(row["price_per_gpu"])))
    return (
        f"{journey.executor['machine_name']} at ${journey.executor['price_per_gpu']} per GPU hour"
    )


def bring_key(journey: Journey) -> str:
    """Register a fresh SSH key."""
    line = journey.identity.public_line
    journey.renter.post("ssh-keys", {"name": POD_NAME, "public_key": line})
    return line.split()[0]


def ask_price(journey: Journey) -> str:
    """Ask for a quote on one GPU for one hour."""
    path = f"executors/{journey.executor['id']}/quote?hours=1&gpu_count=1"
    journey.quote = journey.renter.get(path)
    return f"${journey.quote['total_usd']} for the hour"


def rent(journey: Journey) -> str:
    """Rent one GPU."""
    templates = journey.renter.get("templates")
    if not templates:
        raise StackError("there is no template to start: GET /api/templates is empty")
    answer = journey.renter.post(
        f"executors/{journey.executor['id']}/rent",
        {
            "pod_name": POD_NAME,
            "template_id": templates[0]["id"],
            "user_public_key": [journey.identity.public_line],
            "gpu_count": 1,
            "enable_backups": False,
        },
        idempotency_key=str(uuid4()),
    )
    journey.pod_id = answer.get("pod_id") or answer["id"]
    return f"pod {journey.pod_id}"


def await_ready(journey: Journey) -> str:
    """Poll the pod list until the pod runs and can be reached."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        pod = next((row for row in journey.renter.get("pods") if row["id"] == journey.pod_id), None)
        if pod and pod["status"] == "RUNNING" and pod["ssh_connect_cmd"]:
            journey.pod = journey.renter.get(f"pods/{journey.pod_id}")
            return str(pod["ssh_connect_cmd"])
        if pod is None or pod["status"] not in ("PENDING", "RUNNING"):
            raise StackError(f"the pod did not start: {_last_event(journey)}")
        if time.monotonic() > deadline:
            raise StackError(
                f"the pod was not ready within {START_SECONDS:.0f} s: {_last_event(journey)}"
            )
        time.sleep(POLL_SECONDS)


def go_inside(journey: Journey) -> str:
    """Log in over SSH, checking the host key, and look around."""
    status, text = run_inside(
        journey.pod["ssh_connect_cmd"],
        COMMAND,
        identity=journey.identity,
        host_key=journey.pod["ssh_host_key"],
    )
    if status != 0:
        raise StackError(f"`{COMMAND}` ended with {status} in the pod: {text.strip()}")
    journey.ssh_output = text
    return text.strip().replace("\n", "; ")


def stay(_: Journey) -> str:
    """Use the pod for a while."""
    time.sleep(STAY_SECONDS)
    return ""


def remove(journey: Journey) -> str:
    """Remove the pod and wait until it has left the list."""
    journey.renter.delete(f"pods/{journey.pod_id}")
    deadline = time.monotonic() + END_SECONDS
    while any(row["id"] == journey.pod_id for row in journey.renter.get("pods")):
        if time.monotonic() > deadline:
            raise StackError(
                f"the pod was not gone within {END_SECONDS:.0f} s: {_last_event(journey)}"
            )
        time.sleep(POLL_SECONDS)
    return ""


def await_receipt(journey: Journey) -> str:
    """Wait until the pod is gone from its machine, which is when its receipt is written."""
    deadline = time.monotonic() + END_SECONDS
    while not journey.receipt:
        try:
            journey.receipt = journey.renter.get(f"pods/{journey.pod_id}/receipt")
        except Refused as answer:
            if answer.status != 404 or time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)
    return ""


def check_receipt(journey: Journey) -> str:
    """Check what was charged against price and time."""
    journey.record = journey.renter.get(f"pods/{journey.pod_id}/record")
    seconds = Decimal(str(journey.receipt["ready_seconds"]))
    price = Decimal(str(journey.receipt["price_per_hour"]))
    charged = Decimal(str(journey.receipt["charged_usd"]))
    expected = (price * seconds / 3600).quantize(Decimal("1e-9"))
    if charged <= 0 or charged != expected:
        raise StackError(f"charged ${charged}, but {seconds} s at ${price} an hour are ${expected}")
    left = journey.balance()
    if left != journey.balance_before + journey.paid_usd - charged:
        raise StackError(f"the balance is ${left}, which is not what was paid less ${charged}")
    return f"${charged} for {seconds} s; ${left} are left"


def check_books(journey: Journey) -> str:
    """Read the public trial balance: every currency sums to zero."""
    told = journey.renter.get("status/ledger")["trial_balance"]
    journey.trial_balance = {name: Decimal(total) for name, total in told.items()}
    crooked = {name: total for name, total in journey.trial_balance.items() if total}
    if crooked or not journey.trial_balance:
        raise StackError(f"the ledger does not balance: {crooked or 'it names no currency'}")
    return ", ".join(f"{name} {total}" for name, total in journey.trial_balance.items())


STEPS: tuple[tuple[str, Callable[[Journey], str]], ...] = (
    ("sign up", sign_up),
    ("find a free machine", choose_machine),
    ("ask for a quote", ask_price),
    ("make an invoice", make_invoice),
    ("pay it in TAO", pay),
    ("see the payment", await_seen),
    ("wait until it is final", await_final),
    ("wait for the credit", await_credit),
    ("register an SSH key", bring_key),
    ("rent one GPU", rent),
    ("wait until it is ready", await_ready),
    ("look around over SSH", go_inside),
    ("stay a moment", stay),
    ("remove the pod", remove),
    ("wait for the receipt", await_receipt),
    ("check the charge", check_receipt),
    ("check the books", check_books),
    ("have the machine proven", demo_proof.prove),
    ("verify the bundle", demo_proof.verify),
)


def _last_event(journey: Journey) -> str:
    events = journey.renter.get(f"pods/{journey.pod_id}/events")
    return str(events[-1]) if events else "there is no event"
