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
    steps = (
        f"u={user} k={key} d={folder}",
        "id $u >/dev/null 2>&1 || useradd -m -s /bin/sh -p '*' $u",
        "getent group docker >/dev/null && usermod -aG docker $u",
        "f=$(getent passwd $u | cut -d: -f6)/.ssh",
        "install -d -m 700 -o $u $f $d",
        "f=$f/authorized_keys",
        'grep -qxsF "$k" $f || echo "$k" >>$f',
        "chown $u $f",
        "chmod 600 $f",
    )
    return "; ".join(steps)
