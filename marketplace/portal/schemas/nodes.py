"""Machines as their provider adds, changes and reads them."""

from typing import Annotated, Any

from ninja import Schema
from pydantic import AwareDatetime, Field, StringConstraints

from marketplace.portal.schemas.common import NO_NUL, GpuCount, GpuName, Host, Port, Reason, Usd


class NodeIn(Schema):
    """A machine to add: what the provider says of it, and where its SSH server is."""

    gpu_type: GpuName
    gpu_count: GpuCount
    ip_address: Host
    port: Port
    price_per_gpu: Usd


class PriceIn(Schema):
    """USD per GPU-hour."""

    price_per_gpu: Usd


class GpuIn(Schema):
    """Another claim of what is built in."""

    gpu_type: GpuName
    gpu_count: GpuCount


class AddressIn(Schema):
    """Where the machine is from now on."""

    ip_address: Host
    port: Port


class SmallestPodIn(Schema):
    """How many GPUs a pod has at least."""

    min_gpu_count_for_rental: GpuCount


class NoticeIn(Schema):
    """A maintenance of so many minutes, or a removal for good."""

    starting_at: AwareDatetime
    period_in_minute: Annotated[int, Field(ge=1, le=60)] | None = None
    reason: Reason | None = None
    permanent_removal: bool = False


class MachineAddedIn(Schema):
    """Which request a machine answers."""

    machine_request_id: Annotated[str, StringConstraints(min_length=1, max_length=128)]


class LastError(Schema):
    """What is wrong with a machine, and how to mend it."""

    title: str
    message: str
    impact: str
    remediation: str
    reason_code: str


class ComputedStatus(Schema):
    """Where a machine stands, in the words of the machines page."""

    status: str
    message: str
    last_error: LastError | None


class Blocking(Schema):
    """What keeps a machine off the market."""

    code: str
    kind: str
    title: str
    message: str
    measured: str | None
    required: str | None
    fix: str
    fix_command: str | None
    verify_command: str
    requires: list[str]
    docs_url: str | None
    gating: bool
    secure: bool


class NoticeOut(Schema):
    """A notice that stands."""

    starting_at: str
    period_in_minute: int | None
    reason: str | None
    permanent_removal: bool


class NodeOut(Schema):
    """A machine; what is its provider's alone is absent for everybody else."""

    id: str
    gpu_type: str
    gpu_count: int
    price_per_gpu: float
    tier: str
    simulated: bool
    min_gpu_count_for_rental: int
    miner_hotkey: str
    validator_hotkey: str | None
    last_verified_at: str | None
    computed_status: ComputedStatus
    hidden_reasons: list[dict[str, str]]
    blocking_reasons: list[Blocking]
    name: str | None = None
    executor_ip_address: str | None = None
    executor_ip_port: str | None = None
    host_key: str | None = None
    rented: bool | None = None
    rented_gpu_count: int | None = None
    available_gpu_count: int | None = None
    revenue_per_hour: float | None = None
    notice_period: NoticeOut | None = None
    created_at: str | None = None


class PageIn(Schema):
    """Which machines to list: one provider's by hotkey or account id, or all on the market."""

    miner_hotkey: Annotated[str, StringConstraints(max_length=128, pattern=NO_NUL)] = ""
    page: Annotated[int, Field(ge=1, le=100_000)] = 1
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class NodesOut(Schema):
    """A page of machines."""

    data: list[NodeOut]
    total: int
    page: int
    limit: int


class AddedOut(Schema):
    """A machine that was added; it is reached and checked next."""

    message: str
    id: str


class PodOut(Schema):
    """A pod on a machine, as its provider may know it; ``price`` is USD an hour."""

    id: str
    pod_name: str
    status: str
    gpu_count: int
    price: float
    created_at: str


class Step(Schema):
    """A check: seconds it took, and usually takes."""

    index: int
    check_id: str
    name: str
    status: str
    duration_s: float | None = None
    p50_s: float | None = None
    estimated: bool = False


class Current(Schema):
    """The check that is running."""

    index: int
    name: str


class RunOut(Schema):
    """A pass over all checks."""

    outcome: str | None = None
    reason_code: str | None = None
    total_s: float | None = None
    cycle_time: str | None = None
    steps: list[Step]


class VerificationOut(Schema):
    """How far a machine's checks are."""

    phase: str
    current: Current | None = None
    elapsed_s: float | None = None
    eta_s: float | None = None
    steps: list[Step]
    run: RunOut | None = None
    last_run: RunOut | None = None
    next_check_expected_at: str | None = None
    basis: str


class OverviewRow(Schema):
    """Why an idle machine earns nothing extra: this market pays for rentals only, so never a reason."""

    executor_id: str
    idle_pay_reasons: list[dict[str, Any]]


class OverviewOut(Schema):
    """All machines of the provider."""

    node_rows: list[OverviewRow]
