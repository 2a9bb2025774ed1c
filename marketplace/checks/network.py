"""Judging what the outside sees: ports, speed, and what should not be open."""

from typing import Final

from marketplace.checks.evidence import Evidence, PortTrial, Requirements
from marketplace.checks.verdict import Verdict, advised, failed, passed, unknown

CLOSED: Final = "No unprotected engine, no log-in by password"


def judge_ports(evidence: Evidence, requirements: Requirements) -> Verdict:
    """Judge whether pods' ports can be reached from outside: a sample of the range is tried."""
    claim, trial = evidence.claim, evidence.ports
    first, last = claim.first_port, claim.last_port
    needed = requirements.min_ports_a_gpu * claim.gpu_count
    required = f"{needed} TCP ports or more, all of {first} to {last} reachable"
    if last - first + 1 < needed:
        return _too_few(f"The range has {last - first + 1} ports.", required, first, last)
    if trial is None or not (trial.reached or trial.unreached):
        return unknown(
            "No listener could be started there.",
            required,
            fix="Install Python or Perl, with which we listen for some seconds.",
            command="sudo apt-get install -y python3-minimal",
        )
    if trial.unreached:
        return _too_few(_tried(trial), required, first, last)
    return passed(_tried(trial), required)


def judge_speed(evidence: Evidence, requirements: Requirements) -> Verdict:
    """Judge the network both ways, over the SSH connection."""
    speed = evidence.speed
    down, up = requirements.min_download_mbps, requirements.min_upload_mbps
    required = f"{down} Mbps down and {up} Mbps up"
    if speed is None:
        return unknown("It could not be measured.", required)
    measured = f"{speed.download_mbps:.0f} Mbps down, {speed.upload_mbps:.0f} Mbps up, over SSH"
    if speed.download_mbps >= down and speed.upload_mbps >= up:
        return passed(measured, required)
    return failed(
        "network_too_slow",
        measured=measured,
        required=required,
        fix="Look for other traffic, a slow port or a shaped line; then run this check again.",
        command="ip -s link; sudo ethtool $(ip route show default | awk '{print $5}') | grep Speed",
    )


def judge_exposure(evidence: Evidence, _: Requirements) -> Verdict:
    """Judge what a stranger finds open on the machine itself."""
    exposure = evidence.exposure
    if exposure is None:
        return unknown("It could not be tried.", CLOSED)
    if exposure.engine_ports:
        port = exposure.engine_ports[0]
        return failed(
            "engine_exposed",
            measured=f"Port {port} of the engine answers strangers.",
            required=CLOSED,
            fix="Whoever reaches it is root there. Let the engine listen on its socket alone: take `hosts` out of "
            "its daemon.json, if that is where it was opened.",
            command="grep -n hosts /etc/docker/daemon.json; "
            "sudo systemctl revert docker && sudo systemctl restart docker",
        )
    if "password" in exposure.login_methods:
        return advised(
            "password_login",
            measured="sshd takes passwords.",
            required=CLOSED,
            fix="Passwords are guessed day and night; allow keys alone.",
            command="echo 'PasswordAuthentication no' | sudo tee /etc/ssh/sshd_config.d/00-keys.conf "
            "&& sudo systemctl reload ssh",
        )
    return passed("Keys alone, and no open engine.", CLOSED)


def _tried(trial: PortTrial) -> str:
    tried = len(trial.reached) + len(trial.unreached)
    text = f"{len(trial.reached)} of {tried} sampled ports reached from outside"
    if trial.unreached:
        text += f"; not {', '.join(map(str, trial.unreached))}"
    return text + "."


def _too_few(measured: str, required: str, first: int, last: int) -> Verdict:
    return failed(
        "too_few_ports",
        measured=measured,
        required=required,
        fix="Open the range in the machine's firewall and forward it at the router, "
        "or name an open range, under Address on the machine's page.",
        command=f"sudo ufw allow {first}:{last}/tcp || "
        f"sudo iptables -I INPUT -p tcp --dport {first}:{last} -j ACCEPT",
    )
