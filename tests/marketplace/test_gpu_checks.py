"""GPUs are proven all together, by a way that knows every one; what is missing has a fix that can be run."""

import subprocess
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from marketplace.checks import Claim, Evidence, GpuTrial, judge
from marketplace.checks.install_gpus import DESCRIBE_GPUS, INSTALL_TOOLKIT, driver_command
from marketplace.machine import CommandResult
from marketplace.models import CheckResult, GpuAccess
from marketplace.services.preflight import read
from marketplace.services.requirements import requirements
from marketplace.services.visiting import Visit
from tests.marketplace.test_enrolment import SEEN

FIRST, SECOND = (f"GPU-{digit * 8}-1111-1111-1111-{digit * 12}" for digit in "12")
GPUS = f"engine 28.3.1\ngpu 0, {FIRST}, NVIDIA H100 80GB HBM3, 81559\ngpu 1, {SECOND}, NVIDIA H100 80GB HBM3, 81559\n"
CLAIM = Claim(gpu_model="NVIDIA H100 80GB HBM3", gpu_count=2, first_port=1, last_port=2)
COMMANDS = [
    INSTALL_TOOLKIT,
    DESCRIBE_GPUS,
    driver_command("NVIDIA H100"),
    driver_command("Tesla V100"),
]


@pytest.mark.parametrize(
    ("said", "access"),
    [
        (f"{GPUS}cdi {FIRST}\ncdi {SECOND}\n", GpuAccess.CDI),
        (f"{GPUS}cdi {FIRST}\nnvidia_hook /usr/bin/hook\n", GpuAccess.GPUS),
        (f"{GPUS}cdi {FIRST}\n", None),
        (f"{GPUS.replace('28.3', '27.1')}cdi {FIRST}\ncdi {SECOND}\n", None),
        (SEEN, GpuAccess.CDI),
    ],
)
def test_cdi_is_chosen_only_where_it_names_every_gpu(said: str, access: GpuAccess | None) -> None:
    assert read(said).gpu_access == access


@pytest.mark.django_db
def test_a_description_older_than_the_gpus_is_named_and_written_anew() -> None:
    found = read(f"{GPUS}cdi {FIRST}\n")

    verdict = judge("gpu_access", Evidence(claim=CLAIM, found=found), requirements())

    assert (verdict.code, verdict.fix_command) == ("cdi_out_of_date", DESCRIBE_GPUS)
    assert "1 of 2" in verdict.measured
    hook = replace(found, gpu_access=GpuAccess.GPUS)
    other = Evidence(claim=CLAIM, found=hook, gpu_trial=GpuTrial(True))
    assert judge("gpu_access", other, requirements()).code == ""


@pytest.mark.parametrize(
    ("cdi", "options"),
    [
        (f"cdi {FIRST}\ncdi {SECOND}\n", [f"nvidia.com/gpu={FIRST}", f"nvidia.com/gpu={SECOND}"]),
        ("nvidia_hook yes\n", [f'"device={FIRST},{SECOND}"']),
    ],
)
def test_one_container_is_given_all_gpus(cdi: str, options: list[str]) -> None:
    asked: list[str] = []

    class Recorder:
        def run(self, argv: list[str], **_: object) -> CommandResult:
            asked.extend(argv)
            return CommandResult(exit_status=0, stdout=b"", stderr=b"", truncated=False)

    evidence = Evidence(claim=CLAIM, found=read(GPUS + cdi))
    visit = Visit(evidence, address=None, where="127.0.0.1", state_dir="/srv")
    visit.machine = Recorder()  # type: ignore[assignment]
    visit.measure("gpu_trial")

    assert visit.evidence.gpu_trial == GpuTrial(True)
    assert [word for word in asked if "GPU-" in word] == options


@pytest.mark.parametrize("command", COMMANDS)
def test_a_fix_is_a_line_that_a_shell_can_read_and_is_not_cut_off(command: str) -> None:
    assert len(command) <= (CheckResult._meta.get_field("fix_command").max_length or 0)
    assert subprocess.run(["sh", "-n", "-c", command], check=False).returncode == 0
    assert "570" not in command


def test_the_look_lists_every_gpu_that_cdi_names(tmp_path: Path) -> None:
    tools = {
        "docker": "echo 28.3.1",
        "nvidia-ctk": f"printf 'INFO Found 3 devices\\nnvidia.com/gpu={FIRST}\\nnvidia.com/gpu={SECOND}\\nnvidia.com/gpu=all\\n'",
    }
    for name, body in tools.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    script = (files("marketplace.services") / "preflight.sh").read_text()

    done = subprocess.run(
        ["sh", "-s", "--", "/"],
        input=script,
        text=True,
        capture_output=True,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        check=True,
    )

    said = [line for line in done.stdout.splitlines() if line.startswith("cdi ")]
    assert said == [f"cdi {FIRST}", f"cdi {SECOND}"]
