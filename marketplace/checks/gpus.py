"""Judging the GPUs: one known model, as many as claimed, a driver, and a way into containers."""

from typing import Final

from marketplace.checks.evidence import Evidence, Found, Requirements
from marketplace.checks.install_gpus import DESCRIBE_GPUS, INSTALL_TOOLKIT, driver_command
from marketplace.checks.verdict import Verdict, advised, failed, passed, skipped, unknown
from marketplace.checks.versions import version
from marketplace.models import GpuAccess

SIMULATED: Final = "Its GPUs are simulated, and labelled so."
WAYS: Final = {
    GpuAccess.CDI: "by CDI, each GPU by its UUID",
    GpuAccess.GPUS: "by --gpus, each GPU by its UUID",
}
WAY_NEEDED: Final = "CDI or the NVIDIA hook, proven by a container that gets every GPU"
# Below this share of the data sheet's power a GPU is noticeably slower.
FULL_POWER: Final = 0.95


def judge_gpus(evidence: Evidence, requirements: Requirements) -> Verdict:
    """Judge which GPUs are there, against the claim."""
    claim, found = evidence.claim, evidence.found
    required = f"{claim.gpu_count} x {claim.gpu_model}, as claimed"
    if found is None:
        return unknown("The machine could not be looked at.", required)
    if not found.gpus:
        return _none(evidence, requirements, required)
    names = sorted({gpu.name for gpu in found.gpus})
    if len(names) > 1:
        return failed(
            "mixed_gpus",
            measured=f"Different GPUs: {', '.join(names)}.",
            required="GPUs of one model",
            fix="Put GPUs of one model each into machines of their own.",
            command="nvidia-smi -L",
        )
    if names[0] not in requirements.known_gpus:
        return failed(
            "unknown_gpu",
            measured=names[0],
            required="A model of this market's GPU catalogue",
            fix="Ask the operator to add it with its price and memory.",
        )
    if any(gpu.simulated for gpu in found.gpus) and not requirements.simulated_gpus:
        return failed(
            "simulated_gpus",
            measured="A stand-in for nvidia-smi answers there.",
            required="Real GPUs: this market is on a real chain",
            fix="Take the stand-in off the PATH, and install the NVIDIA driver.",
            command="command -v nvidia-smi",
        )
    if evidence.gpus_elsewhere:
        return _elsewhere(evidence.gpus_elsewhere, required)
    return _against_claim(found, evidence, required)


def judge_driver(evidence: Evidence, requirements: Requirements) -> Verdict:
    """Judge the driver's version."""
    found, required = evidence.found, f"{requirements.min_driver} or newer"
    if found is None:
        return unknown("The machine could not be looked at.", required)
    if not found.gpus:
        return skipped(SIMULATED)
    if not version(found.driver_version):
        return unknown("nvidia-smi does not say.", required)
    if version(found.driver_version) < version(requirements.min_driver):
        return failed(
            "driver_too_old",
            measured=str(found.driver_version),
            required=required,
            fix="Install a newer driver and reboot; pods' CUDA images need it.",
            command=driver_command(evidence.claim.gpu_model),
        )
    cuda = f", CUDA {found.cuda_version}" if found.cuda_version else ""
    return passed(f"{found.driver_version}{cuda}", required)


def judge_gpu_access(evidence: Evidence, _: Requirements) -> Verdict:
    """Judge whether containers get GPUs, and by which way."""
    found, trial = evidence.found, evidence.gpu_trial
    if found is None:
        return unknown("The machine could not be looked at.", WAY_NEEDED)
    if not found.gpus:
        return skipped(SIMULATED)
    if found.by_cdi and (missing := _not_described(found)):
        return failed(
            "cdi_out_of_date",
            measured=f"CDI names {len(found.by_cdi)} of {len(found.gpus)} GPUs; not {missing[0]}.",
            required=WAY_NEEDED,
            fix="Have the description written anew: it is older than the GPUs, or than their driver.",
            command=DESCRIBE_GPUS,
        )
    if found.gpu_access is None or (trial and trial.accepted is False):
        said = trial.said if trial else "neither CDI devices nor the NVIDIA hook are there"
        return failed(
            "no_nvidia_runtime",
            measured=f"The engine cannot give GPUs to containers: {said}.",
            required=WAY_NEEDED,
            fix="Install the NVIDIA container toolkit, and restart Docker so that it finds it.",
            command=INSTALL_TOOLKIT,
        )
    if trial is None or trial.accepted is None:
        return unknown("A container with GPUs could not be tried.", WAY_NEEDED)
    return passed(f"A container got all GPUs {WAYS[found.gpu_access]}.", WAY_NEEDED)


def judge_power(evidence: Evidence, requirements: Requirements) -> Verdict:
    """Judge whether the GPUs may draw their usual power; a lower limit is shown, not refused."""
    found = evidence.found
    if found is None or not found.gpus:
        return skipped(SIMULATED if found else "The machine could not be looked at.")
    usual, limit = requirements.known_gpus.get(found.gpus[0].name), found.power_limit_watts
    if limit is None:
        return unknown("nvidia-smi does not say.")
    if usual is None or limit >= usual * FULL_POWER:
        return passed(f"{limit} W a GPU")
    return advised(
        "power_limited",
        measured=f"{limit} W a GPU",
        required=f"{usual} W for full speed",
        fix="Renters are shown the limit. Raise it for the full speed of the model.",
        command=f"sudo nvidia-smi -pl {usual}",
    )


def judge_interconnect(evidence: Evidence, _: Requirements) -> Verdict:
    """Tell how the GPUs are linked; nothing is required."""
    found = evidence.found
    if found is None or not found.gpus:
        return skipped(SIMULATED if found else "The machine could not be looked at.")
    if len(found.gpus) == 1:
        return passed("One GPU.")
    if not found.interconnect:
        return unknown("nvidia-smi topo does not say.")
    linked = any("NV" in word for row in found.interconnect for word in row.split()[1:])
    return passed("NVLink between GPUs." if linked else "PCIe between GPUs.")


def _not_described(found: Found) -> list[str]:
    """List the GPUs that the way that was chosen does not know."""
    if found.gpu_access is GpuAccess.GPUS:
        return []
    return [gpu.uuid for gpu in found.gpus if gpu.uuid not in found.by_cdi]


def _none(evidence: Evidence, requirements: Requirements, required: str) -> Verdict:
    if evidence.claim.gpu_model in requirements.simulated_gpus:
        claim = evidence.claim
        return passed(f"{claim.gpu_count} x {claim.gpu_model}, simulated", required)
    return failed(
        "no_gpus",
        measured="nvidia-smi shows no GPU.",
        required=required,
        fix="Install the NVIDIA driver and reboot; `nvidia-smi -L` must list the GPUs.",
        command=driver_command(evidence.claim.gpu_model),
    )


def _elsewhere(uuids: tuple[str, ...], required: str) -> Verdict:
    shown = ", ".join(uuids[:2]) + (", …" if len(uuids) > 2 else "")
    return failed(
        "gpu_listed_elsewhere",
        measured=f"Another entry of this market has {len(uuids)} of them: {shown}.",
        required=f"{required}, each listed once",
        fix="Take the other entry off the market, and let its pods end; have it checked again if a GPU moved "
        "from there to here. If it is not yours, write to the operators.",
        command="nvidia-smi -L",
    )


def _against_claim(found: Found, evidence: Evidence, required: str) -> Verdict:
    count, name = len(found.gpus), found.gpus[0].name
    measured = f"{count} x {name}, by UUID"
    if (count, name) == (evidence.claim.gpu_count, evidence.claim.gpu_model):
        return passed(measured, required)
    return advised(
        "claim_corrected",
        measured=measured,
        required=required,
        fix="The listing shows what was found; correct the claim if GPUs are missing.",
        command="nvidia-smi -L",
    )
