"""Judging the container engine: is it there, can it limit pods, can pods be walled in."""

from typing import Final

from marketplace.checks.evidence import Evidence, Found, Requirements
from marketplace.checks.verdict import Verdict, failed, passed, unknown
from marketplace.checks.versions import version

OLDEST: Final = (20, 10)
NEEDED: Final = "Docker 20.10 or newer, usable by our user"
LIMITS: Final = "Limits on memory, CPU time and processes"
WALLS: Final = "Rules of iptables in front of the pods"
NOT_SEEN: Final = "The machine could not be looked at."


def judge_engine(evidence: Evidence, _: Requirements) -> Verdict:
    """Judge the engine itself."""
    found = evidence.found
    if found is None:
        return unknown(NOT_SEEN, NEEDED)
    if found.engine_version is None:
        return failed(
            "no_engine",
            measured="No container engine answers our user.",
            required=NEEDED,
            fix="Install Docker, start it, and let our user use it.",
            command="sudo apt-get install -y docker.io && sudo systemctl enable --now docker "
            f"&& sudo usermod -aG docker {evidence.ssh_user}",
        )
    return _judge_kind(found)


def judge_limits(evidence: Evidence, _: Requirements) -> Verdict:
    """Judge whether the kernel lets the engine limit a pod."""
    found = evidence.found
    if found is None or found.limits is None:
        return unknown("The engine does not say what it can limit.", LIMITS)
    lacking = sorted(name for name, there in found.limits.items() if not there)
    if lacking:
        return failed(
            "no_limits",
            measured=f"It cannot limit {', '.join(lacking)}.",
            required=LIMITS,
            fix="Switch the control groups on at the kernel's command line and reboot.",
            command="sudo sed -i 's/^GRUB_CMDLINE_LINUX=\"/&cgroup_enable=memory swapaccount=1 /' "
            "/etc/default/grub && sudo update-grub && sudo reboot",
        )
    groups = f"control groups v{found.cgroup_version}" if found.cgroup_version else "control groups"
    return passed(f"{', '.join(sorted(found.limits))} by {groups}.", LIMITS)


def judge_isolation(evidence: Evidence, _: Requirements) -> Verdict:
    """Judge whether pods can be kept from the machine, its network and each other."""
    found = evidence.found
    if found is None or found.root is None:
        return unknown("It could not be told whether rules can be set.", WALLS)
    if not found.root:
        return passed(
            "Our user is not root: rules are set from a container with NET_ADMIN, and proven below.",
            WALLS,
        )
    if found.firewall:
        return passed("iptables is there, and we may set rules.", WALLS)
    return failed(
        "no_firewall",
        measured="iptables is missing, or setting rules is refused.",
        required=f"{WALLS}: against metadata addresses, your network, this machine's own sshd",
        fix="Install iptables; in a virtual machine, allow its kernel modules.",
        command="sudo apt-get install -y iptables && sudo iptables -n -L DOCKER-USER",
    )


def _judge_kind(found: Found) -> Verdict:
    if version(found.engine_version) < OLDEST:
        return failed(
            "engine_too_old",
            measured=f"Docker {found.engine_version}",
            required=NEEDED,
            fix="Install the present version from Docker's own packages.",
            command="curl -fsSL https://get.docker.com | sudo sh",
        )
    if found.maps_users:
        return failed(
            "engine_maps_users",
            measured="Docker runs rootless, or remaps users.",
            required="Docker as root, without userns-remap",
            fix="Take userns-remap out of /etc/docker/daemon.json, or install the engine of the system.",
            command="sudoedit /etc/docker/daemon.json && sudo systemctl restart docker",
        )
    return passed(f"Docker {found.engine_version}", NEEDED)
