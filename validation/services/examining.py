"""One try at a machine: connect, start the prover, ask, and give what was said."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from billing.chain.port import ChainUnavailable
from marketplace.machine import (
    AccessDenied,
    CommandTimeout,
    HostKeyChanged,
    MachineError,
    MachineUnreachable,
    NotUnderstood,
    connect,
    fingerprint,
)
from marketplace.models import Node
from marketplace.services.machines import machine_address
from validation import terms
from validation.challenge.bands import shape_of
from validation.challenge.dialogue import ProverFault
from validation.challenge.session import NOTHING_BEFORE, Coins, Session, Subject
from validation.models import Proof, ProofStatus
from validation.proof.bundle import records
from validation.proof.bundle.records import Block, Transcript, claim_of
from validation.services import bands, beacons, provers, validator_key
from validation.services.beacons import TooLate

# Which check a phase's silence fails.
CHECK_OF_PHASE: Final = {"fill": "commitment", "sweep": "sweeps", "open": "tiles"}
NO_PROVER: Final = "The prover could not be started there, or it left without an answer."
REMEDY: Final = "Run the prover's self-test; close what else uses the cards."


class NoAnswer(Exception):
    """The try showed nothing, for a reason that may not be the machine's.

    The message is for everybody; ``detail`` may name addresses and is for provider and operators.
    """

    def __init__(self, message: str, *, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail or message


class Refused(Exception):
    """The machine was asked and did not answer as it must; ``check_id`` is what that fails.

    Where it ``saw_the_coin`` that is its answer, and there is no other try: a prover that may leave when it dislikes its
    coin never fails.
    """

    def __init__(self, message: str, *, check_id: str, remedy: str, saw_the_coin: bool) -> None:
        super().__init__(message)
        self.check_id, self.remedy = check_id, remedy or REMEDY
        self.saw_the_coin = saw_the_coin


class Interrupted(Exception):
    """The machine is not idle any more; the message says why."""


@dataclass(slots=True)
class Examination:
    """What is asked of a machine in one try, and with which beacon; ``session`` is there once a prover runs."""

    proof: Proof
    node: Node
    beacon: Callable[[], Block]
    go_on: Callable[[], None]
    session: Session | None = None

    @property
    def record(self) -> bytes:
        """Give what was exchanged so far as canonical JSON."""
        return self.session.record() if self.session else b""


def examine(examination: Examination) -> Transcript:
    """Ask a machine for a proof; no transaction may be open.

    :raises NoAnswer, Refused, Interrupted: there is no proof. :raises NotRunnable: there cannot be one.
    :raises NoValidatorKey: nobody could sign it.
    """
    validator_key.validator_key()
    try:
        return _examine(examination)
    except ProverFault as fault:
        raise _fault(examination, str(fault), fault.remedy) from fault
    except CommandTimeout as error:
        raise _fault(examination, "It gave no answer in time.") from error
    except NotUnderstood as error:
        raise _fault(examination, "Its answer is longer than any answer can be.") from error
    except MachineError as error:
        raise _fault(examination, in_public(error), detail=str(error)) from error
    except TooLate as error:
        raise NoAnswer("It was not ready in time for the round's block.") from error
    except ChainUnavailable as error:
        raise NoAnswer("The chain gave no block in time.", detail=error.message) from error


def _examine(examination: Examination) -> Transcript:
    node = examination.node
    patience = terms.SIMULATED if node.simulated else terms.REAL
    with (
        connect(machine_address(node), timeout=terms.CONNECT_SECONDS) as machine,
        provers.started(machine, node) as talk,
    ):
        session = Session(line=talk, patience=patience, go_on=examination.go_on)
        examination.session = session
        coins = Coins(first=examination.beacon, later=beacons.later)
        return session.prove(subject_of(examination.proof, node), coins)


def in_public(error: MachineError, *, otherwise: str = NO_PROVER) -> str:
    """Say what kept a machine from answering, without its address."""
    if isinstance(error, HostKeyChanged):
        return "Another host key answers there than the pinned one."
    if isinstance(error, AccessDenied):
        return "It refused this market's key."
    if isinstance(error, MachineUnreachable):
        return "It could not be reached."
    return otherwise


def subject_of(proof: Proof, node: Node) -> Subject:
    """Say which machine is asked, for what, and against which band."""
    parameters = provers.parameters_of(node)
    model = claim_of(proof.gpu_model.name, simulated=node.simulated)
    return Subject(
        purpose=records.Purpose(proof.purpose),
        machine=records.Machine(
            node_id=str(node.public_id),
            hotkey=proof.hotkey,
            host_key=fingerprint(node.host_key),
            claimed_model=model,
            claimed_count=proof.gpu_count,
            simulated=node.simulated,
        ),
        parameters=parameters,
        bands=_bands(proof, node, model),
        previous=previous_of(node),
    )


def previous_of(node: Node) -> bytes:
    """Give the commitment of the machine's proof before this one, or zeros."""
    known = Proof.objects.filter(node=node, status=ProofStatus.DONE).exclude(commitment="")
    text = known.order_by("-id").values_list("commitment", flat=True).first()
    return bytes.fromhex(text) if text else NOTHING_BEFORE


def _bands(proof: Proof, node: Node, model: str) -> records.Bands | None:
    parameters = provers.parameters_of(node)
    if node.simulated:
        return bands.simulated_limits(
            model,
            memory_bytes=provers.memory_of_simulated(parameters),
            fill_seconds=terms.SIMULATED.fill,
            sweep_seconds=terms.SIMULATED.sweep,
        )
    band = bands.band_of(proof.gpu_model, shape_of(parameters, cards=proof.gpu_count))
    return bands.limits_of(band) if band else None


def _fault(examination: Examination, said: str, remedy: str = "", *, detail: str = "") -> Exception:
    """Tell what a machine failed to answer from what kept its prover from starting."""
    phase = examination.session.phase if examination.session else "ready"
    if phase not in CHECK_OF_PHASE:
        return NoAnswer(said, detail=detail)
    return Refused(
        said, check_id=CHECK_OF_PHASE[phase], remedy=remedy, saw_the_coin=phase == "open"
    )
