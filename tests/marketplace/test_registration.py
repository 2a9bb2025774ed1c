"""The one command with which a machine adds itself: shown once, and run by a real root shell."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from accounts.models import AuditEvent
from marketplace.models import Node
from marketplace.portal.registration import register_script
from tests.factories.accounts import Person
from tests.factories.marketplace import make_gpu_model, make_provider
from tests.factories.portal import bearer, provider_of
from tests.serving import Served

PAGE = "/provide/machines/register"
SCRIPT = "/portal/executors/register-script"
TOKEN = re.compile(r"Bearer ([\w.-]+)")


def take(person: Person) -> str:
    """Have the page make a command; give its token."""
    found = TOKEN.search(person.browser.post(PAGE).content.decode())
    assert found
    return found.group(1)


@pytest.mark.django_db
def test_the_command_is_shown_once_and_audited(bob: Person) -> None:
    assert not TOKEN.search(bob.browser.get(PAGE).content.decode())

    assert take(bob) != take(bob)

    assert not TOKEN.search(bob.browser.get(PAGE).content.decode())
    assert AuditEvent.objects.filter(action="machine.register_token").count() == 2


@pytest.mark.django_db
def test_the_page_that_adds_machines_leads_there(bob: Person) -> None:
    assert f'href="{PAGE}"' in bob.browser.get("/provide/machines/add").content.decode()


@pytest.mark.django_db
def test_the_script_brings_the_key_and_the_token_of_who_asks(bob: Person) -> None:
    token = take(bob)

    answer = bearer(token).get(SCRIPT, REMOTE_ADDR="203.0.113.77")

    text = answer.content.decode()
    assert answer.headers["Cache-Control"] == "no-store"
    assert f"token={token}\n" in text
    assert "address=203.0.113.77\n" in text
    assert provider_of(bob).ssh_public_key in text
    assert bearer("a.b.c").get(SCRIPT).status_code == 401


@pytest.mark.django_db
def test_what_it_knows_cannot_become_a_command(tmp_path: Path) -> None:
    bad = f"'; touch {tmp_path}/made; '"
    text = register_script(
        provider=make_provider(ssh_public_key=bad), token=bad, portal_url=bad, address=bad
    )

    run(text.replace("\nregister\n", "\n"), tmp_path)

    assert not (tmp_path / "made").exists()


@pytest.mark.django_db(transaction=True)
def test_a_machine_adds_itself(served: Served, bob: Person, tmp_path: Path) -> None:
    make_gpu_model("NVIDIA GeForce RTX 4090", "RTX4090", 24564)
    script = bearer(take(bob)).get(SCRIPT, REMOTE_ADDR="203.0.113.77").content.decode()
    script = re.sub(
        r"^portal=.*$",
        f"portal={shlex.quote(f'http://{served.netloc}')}/portal",
        script,
        flags=re.M,
    )

    said = run(script, tmp_path, gpus=2)

    node = Node.objects.get()
    assert said.returncode == 0, said.stderr
    assert "Adding 2 x NVIDIA GeForce RTX 4090 at 203.0.113.77, SSH port 2222." in said.stdout
    assert (node.host, node.ssh_port, node.gpu_count) == ("203.0.113.77", 2222, 2)
    assert node.provider == provider_of(bob)
    again = run(script, tmp_path, gpus=2)
    assert again.returncode == 1
    assert "already exists" in again.stdout


@pytest.mark.django_db
def test_a_machine_without_a_driver_is_told_and_nothing_is_done(tmp_path: Path) -> None:
    said = run(
        register_script(provider=make_provider(), token="t", portal_url="http://x", address="x"),
        tmp_path,
    )

    assert said.returncode == 1
    assert "install the GPU driver" in said.stderr


def run(script: str, home: Path, *, gpus: int = 0) -> "subprocess.CompletedProcess[str]":
    """Run a script as root of a machine with these GPUs, whose users and files are left alone."""
    programs = home / "programs"
    programs.mkdir(exist_ok=True)
    stand_ins = {"id": "echo 0", "sshd": "echo port 2222", "ssh-keygen": "true", "getent": "exit 2"}
    if gpus:
        stand_ins["nvidia-smi"] = "\n".join(["echo NVIDIA GeForce RTX 4090"] * gpus)
    for name, body in stand_ins.items():
        (programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (programs / name).chmod(0o755)
    quiet = re.sub(r"^let_in=(?s:.*?)\n\n", "let_in=true\n\n", script, flags=re.M)
    path = f"{programs}:/usr/bin:/bin"
    return subprocess.run(["sh"], input=quiet, env={"PATH": path}, text=True, capture_output=True)
