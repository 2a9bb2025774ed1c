"""Putting the prover of this checkout where GPUs are rented, over whatever command reaches a shell there, such as ssh."""

import shlex
import subprocess
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from validation.challenge.dialogue import ProverFault
from validation.prover.build import build

SEND_SECONDS: Final = 60
PUT: Final = 'umask 022; test -s "$1" || { cat >"$1.$$" && mv "$1.$$" "$1"; }'
# Any image may be rented: what it lacks is told in the dialogue's own form, with what helps.
START: Final = """\
lacks() { printf '{"type":"error","what":"the prover cannot be started there","why":"%s","remedy":"%s"}\\n' "$1" "$2"; exit 1; }
get='apt-get update && apt-get install -y python3 python3-numpy'
command -v python3 >/dev/null || lacks 'there is no python3' "In the pod: $get"
python3 -c 'import numpy, argparse, json, zipimport' 2>/dev/null ||
  lacks 'its python3 lacks NumPy' "In the pod: $get (or: python3 -m pip install numpy)"
exec python3 "$@"
"""


def sent(shell: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """Put the prover there; give the command that starts it with these arguments.

    :raises ProverFault: it cannot be put there. :raises OSError: there is no such command.
    """
    program = build()
    place = f"/tmp/lium-prove-{sha256(program).hexdigest()[:16]}.pyz"  # noqa: S108  # in a pod of one's own
    command = [*shell, _script(PUT, place)]
    try:
        done = subprocess.run(command, input=program, timeout=SEND_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise ProverFault("The prover could not be sent there in time.") from error
    if done.returncode:
        raise ProverFault(f"The prover could not be sent there: it ended with {done.returncode}.")
    return [*shell, _script(START, place, *arguments)]


def _script(script: str, *arguments: str) -> str:
    """Write a script with arguments as one word: whoever reaches a shell hands it on as it is."""
    return shlex.join(["sh", "-c", script, "sh", *arguments])
