"""Which lines may enter a pod's authorized_keys."""

import base64
import struct
import subprocess
from pathlib import Path

import pytest

from accounts.ssh_public_key import BadSshKey, parse


def keygen(folder: Path, *kind: str) -> str:
    path = folder / "key"
    subprocess.run(
        ["ssh-keygen", "-q", "-N", "", "-C", "alice@laptop", "-f", path, *kind], check=True
    )
    return (folder / "key.pub").read_text()


class TestAccepts:
    @pytest.mark.parametrize(
        "kind",
        [
            ("-t", "ed25519"),
            ("-t", "rsa", "-b", "2048"),
            ("-t", "ecdsa", "-b", "256"),
            ("-t", "ecdsa", "-b", "521"),
        ],
    )
    def test_what_ssh_keygen_makes(self, tmp_path: Path, kind: tuple[str, ...]) -> None:
        line = keygen(tmp_path, *kind)

        key = parse(line)

        said = subprocess.run(
            ["ssh-keygen", "-l", "-f", tmp_path / "key.pub"], capture_output=True, check=True
        )
        assert key.fingerprint in said.stdout.decode()
        assert (key.line, key.comment) == (line.strip(), "alice@laptop")

    def test_a_hardware_key(self) -> None:
        def field(value: bytes) -> bytes:
            return struct.pack(">I", len(value)) + value

        kind = b"sk-ssh-ed25519@openssh.com"
        blob = field(kind) + field(b"\x01" * 32) + field(b"ssh:")

        assert parse(f"{kind.decode()} {base64.b64encode(blob).decode()}").type == kind.decode()

    def test_a_comment_with_spaces_is_kept_byte_for_byte(self, tmp_path: Path) -> None:
        line = keygen(tmp_path, "-t", "ed25519").strip() + " at the  lab"

        assert parse(line + "\r\n").line == line


class TestRefuses:
    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("", "empty"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nabc", "private key"),
            ("-----BEGIN RSA PRIVATE KEY-----\nabc", "private key"),
            ("PuTTY-User-Key-File-3: ssh-ed25519", "PuTTY"),
            ("---- BEGIN SSH2 PUBLIC KEY ----", "SSH2"),
            ("-----BEGIN PUBLIC KEY-----", "PEM"),
            ("hello world", "not a type"),
            ("ssh-dss AAAAB3NzaC1kc3M=", "not a type"),
            ("ssh-ed25519", "ends after the type"),
            ("ssh-ed25519 !!!!", "base64"),
            ("ssh-ed25519 AAAA", "another type"),
            ("ssh-ed25519 " + "A" * 9000, "at most 8192"),
        ],
    )
    def test_with_what_is_wrong_and_what_to_do(self, text: str, says: str) -> None:
        with pytest.raises(BadSshKey, match=says) as refusal:
            parse(text)

        assert refusal.value.hint

    def test_a_private_key_is_never_echoed(self) -> None:
        with pytest.raises(BadSshKey) as refusal:
            parse("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n")

        assert "b3Blbn" not in refusal.value.message + refusal.value.hint

    def test_a_short_rsa_key(self, tmp_path: Path) -> None:
        with pytest.raises(BadSshKey, match="1024 bits"):
            parse(keygen(tmp_path, "-t", "rsa", "-b", "1024"))

    def test_options(self, tmp_path: Path) -> None:
        line = keygen(tmp_path, "-t", "ed25519")

        with pytest.raises(BadSshKey, match="Options"):
            parse(f'command="rm -rf /" {line}')

    def test_two_lines(self, tmp_path: Path) -> None:
        line = keygen(tmp_path, "-t", "ed25519")

        with pytest.raises(BadSshKey, match="one line"):
            parse(line + line)

    def test_a_type_that_its_body_does_not_bear_out(self, tmp_path: Path) -> None:
        body = keygen(tmp_path, "-t", "ed25519").split()[1]

        with pytest.raises(BadSshKey, match="another type"):
            parse(f"ssh-rsa {body}")

    def test_a_point_that_is_cut_short(self) -> None:
        blob = struct.pack(">I", 11) + b"ssh-ed25519" + struct.pack(">I", 3) + b"abc"

        with pytest.raises(BadSshKey, match="not a valid"):
            parse(f"ssh-ed25519 {base64.b64encode(blob).decode()}")
