"""Why a pod is as it is: one code and one sentence, the same for renter, provider and admin."""

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """A cause of a change; ``code`` is stable, ``words`` are shown."""

    words: str
    hint: str

    def __new__(cls, code: str, words: str, hint: str = "") -> "Reason":
        """Make a member from its code, its sentence and what the renter can do."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.words = words
        member.hint = hint
        return member

    @property
    def code(self) -> str:
        """The stable code."""
        return str(self.value)

    # Wishes
    RENTED = "rented", "GPUs and ports are reserved."
    REMOVED_BY_RENTER = "removed_by_renter", "Removal was asked for."
    REMOVED_BY_ADMIN = "removed_by_admin", "An administrator removed the pod."
    REMOVED_ON_SCHEDULE = "removed_on_schedule", "The scheduled end was reached."
    REMOVED_DATA_GRACE = "removed_data_grace", "The time for which data is kept is over."
    STOPPED_BY_RENTER = "stopped_by_renter", "Stopped on request; the files are kept."
    STOPPED_LOW_BALANCE = (
        "stopped_low_balance",
        "The balance ran out; the pod is stopped and its files are kept.",
        "Add funds and start it again before the files are deleted.",
    )
    REMOVED_LOW_BALANCE = (
        "removed_low_balance",
        "The balance stayed empty and the grace time for the files is over.",
    )
    STOPPED_SILENT = (
        "stopped_silent",
        "The machine answered, but the pod did not prove itself for too long within a day: what cannot be proven "
        "is not charged, and does not run on.",
        "Its files are kept. In an hour it can be started or rebooted again; another one can be rented.",
    )
    STARTED_BY_RENTER = "started_by_renter", "A start was asked for."
    REBOOT_BY_RENTER = "reboot_by_renter", "A reboot was asked for."

    END_SCHEDULED = "end_scheduled", "An end was scheduled."
    END_CLEARED = "end_cleared", "The scheduled end was taken back."

    RUNS_AGAIN = "runs_again", "The container runs again; its SSH and its GPUs are being proven."
    OUT_OF_SIGHT = (
        "out_of_sight",
        "The machine or its container engine was not seen to answer; until it is, the pod need not prove itself.",
    )

    # The machine, as its provider announces it
    MAINTENANCE_ANNOUNCED = (
        "maintenance_announced",
        "The provider announced a maintenance of the machine.",
        "Copy what you need before, or move to another machine; nothing is charged while it is away.",
    )
    REMOVAL_ANNOUNCED = (
        "removal_announced",
        "The provider takes the machine off the market; the pod ends then.",
        "Copy what you need and move to another machine before.",
    )
    NOTICE_WITHDRAWN = (
        "notice_withdrawn",
        "What was announced about the machine does not take place.",
    )
    RECLAIMED = "reclaimed", "The provider took the machine off the market, as announced."
    RECLAIMED_EARLY = (
        "reclaimed_early",
        "The provider took the machine back sooner than a notice allows; the last of it is paid back.",
    )

    # The balance
    RUNWAY_DAY = (
        "runway_day",
        "At the present rate the balance lasts less than 24 hours.",
        "Add funds, or remove a pod.",
    )
    RUNWAY_HOURS = (
        "runway_hours",
        "At the present rate the balance lasts less than 2 hours.",
        "Add funds, or remove a pod.",
    )
    BALANCE_EMPTY = (
        "balance_empty",
        "The balance is used up; pods will be stopped with their files kept.",
        "Add funds now.",
    )
    REMOVED_BUDGET = (
        "removed_budget",
        "The budget of the API key that rented it is spent.",
        "Raise the key's budget and rent again.",
    )

    # Evidence
    PROVEN = "proven", "SSH answered with the pod's own host key, and its GPUs were counted."
    RECOVERED = "recovered", "The pod is reachable again."
    CONTAINER_GONE_AS_ASKED = "container_gone", "The machine shows that nothing of the pod is left."
    COMPUTE_STOPPED = (
        "compute_stopped",
        "The container is stopped; its files are kept.",
        "Start it again, or copy them, before they are deleted.",
    )
    ENDED_UNSTARTED = "ended_unstarted", "The failed start is no longer listed."
    GIVEN_BACK = (
        "given_back",
        "The machine shows that the pod does not run; its GPUs are back on the market.",
    )

    # Trouble that passes
    MACHINE_SILENT = (
        "machine_silent",
        "The machine does not answer; nothing is charged meanwhile.",
        "What runs there is left alone. Wait, or remove the pod and rent another machine.",
    )
    ENGINE_SILENT = (
        "engine_silent",
        "The machine answers but its container engine does not; nothing is charged meanwhile.",
        "What runs there is left alone. Wait, or remove the pod and rent another machine.",
    )
    SSH_SILENT = (
        "ssh_silent",
        "The container runs but its SSH port does not answer; nothing is charged meanwhile.",
        "Reboot or remove the pod; one that stays silent for long is stopped, with its files kept.",
    )
    GPUS_MISSING = (
        "gpus_missing",
        "Fewer GPUs are visible than were sold; nothing is charged meanwhile.",
        "Copy what you need, then reboot the pod; if it stays so it is stopped, with its files kept.",
    )
    CONTAINER_EXITED = "container_exited", "The container had ended; it is being started again."
    OUT_OF_MEMORY = (
        "out_of_memory",
        "The container ran out of memory and ended; it is being started again.",
        "Use less memory, or rent a pod with more GPUs: memory is shared out by GPU.",
    )
    MACHINE_REBOOTED = "machine_rebooted", "The machine had rebooted; the pod is being started."
    CONTAINER_RESTARTED = (
        "container_restarted",
        "The container was restarted on the machine; it is being proven again.",
    )

    # Trouble that does not
    LOST_CONTAINER = (
        "container_lost",
        "The machine answers and the pod's container is no longer there; its files are lost.",
        "Remove the pod and rent another machine; nothing was charged since it was last seen.",
    )
    LOST_MACHINE = (
        "machine_lost",
        "The pod stayed unreachable past the deadline.",
        "Remove it and rent another machine; nothing was charged since it was last seen.",
    )
    IMAGE_UNAVAILABLE = (
        "image_unavailable",
        "The image could not be pulled.",
        "Check the image's name and that it is public, then rent again.",
    )
    IMAGE_TOO_SLOW = (
        "image_too_slow",
        "The image was not pulled in time.",
        "Choose a machine that has it, or a smaller image.",
    )
    PROGRAM_ENDED = (
        "program_ended",
        "The container ended before SSH answered.",
        "Check the template's start command; the error text is in the event.",
    )
    PORT_TAKEN = (
        "port_taken",
        "A port that was reserved is in use on the machine.",
        "Rent again; the machine's owner was told.",
    )
    DISK_FULL = "disk_full", "The machine's disk is full.", "Choose another machine."
    GPUS_UNAVAILABLE = (
        "gpus_unavailable",
        "The machine could not provide the GPUs that were sold.",
        "Choose another machine.",
    )
    WRONG_HOST_KEY = (
        "wrong_host_key",
        "Another server answered on the pod's SSH port.",
        "Choose another machine.",
    )
    MACHINE_UNREACHABLE = (
        "machine_unreachable",
        "The machine could not be reached in time.",
        "Try again later, or choose another machine.",
    )
    MACHINE_REFUSED = (
        "machine_refused",
        "The machine refused our key or is not the one that was enrolled.",
        "Choose another machine.",
    )
    ENGINE_FAILED = (
        "engine_failed",
        "The machine's container engine could not start the pod.",
        "Choose another machine.",
    )
    SSH_TOO_LATE = (
        "ssh_too_late",
        "SSH did not answer in time after the container started.",
        "Rent again, or choose another image.",
    )
    STARTED_TOO_LATE = (
        "started_too_late",
        "The start was not finished in time.",
        "Rent again, or choose another machine.",
    )
    REBOOT_TOO_LATE = (
        "reboot_too_late",
        "The pod did not prove itself in time after it was started again.",
        "Try once more, or remove it.",
    )
    DATA_GONE = (
        "data_gone",
        "The stopped container is no longer on the machine; its files are lost.",
        "Remove the pod; nothing was charged for it since it stopped.",
    )


# The machine answers and the container runs, but does not prove itself; a new start of it may mend that.
UNPROVEN: Final = frozenset({Reason.SSH_SILENT, Reason.WRONG_HOST_KEY, Reason.GPUS_MISSING})
# The renter's image, program or patience, or our own delay; every other failed start counts against the node.
NOT_THE_NODES_FAULT = frozenset(
    {
        Reason.IMAGE_UNAVAILABLE,
        Reason.IMAGE_TOO_SLOW,
        Reason.PROGRAM_ENDED,
        Reason.SSH_TOO_LATE,
        Reason.STARTED_TOO_LATE,
    }
)


_BY_CODE: Final = {reason.code: reason for reason in Reason}


def reason_of(code: str) -> Reason | None:
    """Read a code that a row keeps; None for one that is no longer given."""
    return _BY_CODE.get(code)


def node_at_fault(code: str) -> bool:
    """Say whether a start that failed for this reason counts against the node."""
    return code not in NOT_THE_NODES_FAULT
