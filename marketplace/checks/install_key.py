"""The one line that gives us a user of our own on a machine."""

import re
import shlex
from typing import Final

STATE_DIR: Final = "/var/lib/lium-node"
USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


def install_command(*, user: str, public_key: str, state_dir: str = STATE_DIR) -> str:
    """Give a line for root's shell that may be repeated: the user, its key, and the folder for pods' files."""
    if not USER.fullmatch(user):
        raise ValueError(f"not the name of a user: {user!r}")
    key, folder = shlex.quote(public_key), shlex.quote(state_dir)
    home = f"~{user}"
    steps = (
        f"id {user} >/dev/null 2>&1 || useradd -m -s /bin/sh -p '*' {user}",
        f"getent group docker >/dev/null && usermod -aG docker {user}",
        f"install -d -m 700 -o {user} {home}/.ssh {folder}",
        f"grep -qxsF {key} {home}/.ssh/authorized_keys || echo {key} >>{home}/.ssh/authorized_keys",
        f"chown {user} {home}/.ssh/authorized_keys",
        f"chmod 600 {home}/.ssh/authorized_keys",
    )
    return "; ".join(steps)
