"""Judging the way to the machine: does it answer, is it the one that we know, does it let us in."""

from marketplace.checks.evidence import Contact, ContactFault, Evidence, Requirements
from marketplace.checks.install_key import install_command
from marketplace.checks.verdict import Verdict, failed, passed, unknown

ANSWER = "An SSH server with an ed25519 host key"
SAME_KEY = "The host key that you confirmed"
NEW_KEY = (
    "If you reinstalled the machine, compare its new key with this command and confirm it, once the machine is offline or "
    "off the market; while pods hold its GPUs, only its old key brings it back. If you did not, somebody is between us and "
    "it. Nothing was sent there."
)
SHOW_KEY = "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"
INSTALL_KEY = "Run this one line on the machine as root; it makes the user and installs our key."


def judge_contact(evidence: Evidence, _: Requirements) -> Verdict:
    """Judge whether the machine answers with the pinned host key."""
    contact = evidence.contact
    if contact is None:
        return unknown("Not tried yet.", ANSWER)
    if contact.fault is ContactFault.UNREACHABLE:
        return failed(
            "unreachable",
            measured=f"No SSH conversation: {contact.why or 'no answer'}.",
            required=ANSWER,
            fix="Start sshd, and let its port through the firewall and the router.",
            command="sudo systemctl enable --now ssh && sudo ss -ltnp | grep sshd",
        )
    if contact.fault is ContactFault.HOST_KEY_CHANGED:
        return _another_key(contact)
    return passed("It answers with the pinned host key.", ANSWER)


def judge_key(evidence: Evidence, _: Requirements) -> Verdict:
    """Judge whether our key is accepted."""
    contact, required = evidence.contact, f"Our key logs in as {evidence.ssh_user}"
    if contact is None:
        return unknown("Not tried yet.", required)
    if contact.fault is ContactFault.WRONG_KEY:
        return failed(
            "wrong_key",
            measured=f"{evidence.ssh_user} was refused with our key.",
            required=required,
            fix=INSTALL_KEY,
            command=install_command(
                user=evidence.ssh_user,
                public_key=evidence.public_key,
                state_dir=evidence.state_dir,
            ),
        )
    return passed(f"Logged in as {evidence.ssh_user}.", required)


def listed_already() -> Verdict:
    """Refuse the key of a machine that another entry of the market is."""
    return failed(
        "listed_already",
        measured="Another entry of this market logs in to the machine with this host key.",
        required="One entry for each machine",
        fix="Take the other entry off the market. A copied machine needs a host key of its own: make one with this "
        "command, restart sshd, and confirm it.",
        command="sudo ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key",
    )


def _another_key(contact: Contact) -> Verdict:
    return failed(
        "host_key_changed",
        measured=f"It presents {contact.presented_key}.",
        required=f"{SAME_KEY}: {contact.expected_key}",
        fix=NEW_KEY,
        command=SHOW_KEY,
    )
