"""The one line that lets us in, run by a real root shell over a throw-away copy of the system's files."""

import subprocess
from pathlib import Path

import pytest

from marketplace.checks import install_command
from marketplace.models import CheckResult
from tests.factories.accounts import ED25519

pytestmark = pytest.mark.engine
# What the line changes is put on a layer that goes with the shell.
THROW_AWAY = """\
set -e
mount -t tmpfs tmpfs "$1"
for folder in etc home var; do
  mkdir -p "$1/$folder/upper" "$1/$folder/work"
  mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$1/$folder/upper,workdir=$1/$folder/work" "/$folder"
done
"""
KEY = " ".join(ED25519.split()[:2])


def run_twice(line: str, home: Path, *questions: str) -> list[str]:
    """Run a line two times as root would, then ask the system something."""
    script = f"{THROW_AWAY}\nset +e\n{line}\n{line}\n" + "\n".join(questions)
    argv = ["unshare", "--mount", "sh", "-c", script, "sh", str(home)]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()


def test_it_makes_the_user_its_key_and_the_folder_and_may_be_repeated(tmp_path: Path) -> None:
    line = install_command(user="lium-new", public_key=KEY, state_dir="/var/lib/lium-new")

    said = run_twice(
        line,
        tmp_path,
        "cat ~lium-new/.ssh/authorized_keys",
        "stat -c '%a %U' ~lium-new/.ssh ~lium-new/.ssh/authorized_keys /var/lib/lium-new",
        "id -nG lium-new",
    )

    assert said[0] == KEY
    assert said[1:4] == ["700 lium-new", "600 lium-new", "700 lium-new"]
    assert "lium-new" in said[4]


def test_the_longest_line_is_kept_whole() -> None:
    line = install_command(user="u" * 32, public_key=KEY, state_dir="/" + "d" * 99)

    assert len(line) <= CheckResult._meta.get_field("fix_command").max_length


def test_a_name_that_is_no_user_is_refused() -> None:
    with pytest.raises(ValueError, match="name of a user"):
        install_command(user="x; reboot", public_key=KEY)
