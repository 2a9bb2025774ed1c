import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from marketplace.simulated import SIMULATED_DRIVER, gpus_tsv, install, is_simulated, uuids

TABLE = gpus_tsv(count=4, seed=7)


@pytest.fixture
def smi(tmp_path: Path) -> Path:
    install(tmp_path, table=TABLE)
    return tmp_path / "nvidia-smi"


def _ask(smi: Path, *args: str, status: int = 0) -> str:
    done = subprocess.run([str(smi), *args], capture_output=True, text=True, timeout=10)
    assert done.returncode == status, done.stderr
    return done.stdout


def test_lists_what_is_in_the_table(smi: Path) -> None:
    lines = _ask(smi, "-L").splitlines()

    assert len(lines) == 4
    assert all(uuid in line for uuid, line in zip(uuids(TABLE), lines, strict=True))


def test_says_that_it_is_simulated(smi: Path) -> None:
    assert "SIMULATED" in _ask(smi)
    assert SIMULATED_DRIVER in _ask(smi, "--version")
    assert all(is_simulated(uuid) for uuid in uuids(TABLE))


def test_answers_queries(smi: Path) -> None:
    text = _ask(smi, "--query-gpu=index,name,memory.total", "--format=csv", "-i", "1")

    assert text.splitlines() == [
        "index, name, memory.total [MiB]",
        "1, NVIDIA H100 80GB HBM3, 81559 MiB",
    ]


def test_answers_queries_without_header_and_units(smi: Path) -> None:
    text = _ask(smi, "--query-gpu=uuid,memory.total", "--format=csv,noheader,nounits")

    assert text.splitlines()[0] == f"{uuids(TABLE)[0]}, 81559"


def test_refuses_an_unknown_field(smi: Path) -> None:
    assert "not a valid field" in _ask(smi, "--query-gpu=nonsense", "--format=csv", status=2)


def test_prints_well_formed_xml(smi: Path) -> None:
    root = ElementTree.fromstring(_ask(smi, "-q", "-x"))

    assert root.findtext("attached_gpus") == "4"
    assert [gpu.findtext("uuid") for gpu in root.findall("gpu")] == list(uuids(TABLE))


def test_shows_a_pod_only_its_own_gpus_numbered_from_zero(smi: Path) -> None:
    mine = uuids(TABLE)[2:]
    (smi.parent / "assigned").write_text("".join(f"{uuid}\n" for uuid in mine))

    lines = _ask(smi, "-L").splitlines()

    assert [line.split(":")[0] for line in lines] == ["GPU 0", "GPU 1"]
    assert all(uuid in line for uuid, line in zip(mine, lines, strict=True))


def test_shows_a_pod_without_gpus_none(smi: Path) -> None:
    (smi.parent / "assigned").write_text("")

    assert _ask(smi, "-L") == ""


def test_is_a_missing_driver_without_a_table(smi: Path) -> None:
    (smi.parent / "gpus.tsv").unlink()

    _ask(smi, status=9)


@pytest.mark.parametrize("count", [0, 17])
def test_refuses_an_impossible_machine(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 16"):
        gpus_tsv(count=count, seed=1)
