"""A renter's view of the market: its HTTP API with a key, and its pods over SSH. Nothing of ours is imported."""

import io
import json
import urllib.error
import urllib.request
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from lium_site.stack.console import StackError

TIMEOUT_SECONDS = 30.0
LARGEST_FILE = 64 << 20


class Refused(StackError):
    """The market answered, with an error status."""

    def __init__(self, words: str, *, status: int) -> None:
        super().__init__(words)
        self.status = status


class Renter:
    """Someone who talks to the market: with an API key, signed in with a token, or nobody yet."""

    def __init__(self, *, url: str, api_key: str = "", token: str = "") -> None:
        self.url = url
        credentials = {
            "X-API-KEY": api_key,
            "Authorization": f"Bearer {token}" if token else "",
        }
        self._headers = {name: value for name, value in credentials.items() if value}

    def get(self, path: str) -> Any:
        """Read something of the API."""
        return self.call("GET", f"api/{path}")

    def read(self, path: str) -> bytes:
        """Read a file that anybody may have.

        :raises StackError: it did not come.
        """
        try:
            # The scheme is ours.
            with urllib.request.urlopen(f"{self.url}/{path}", timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                return bytes(answer.read(LARGEST_FILE))
        except OSError as error:
            raise StackError(f"GET /{path} gave no file: {error}") from error

    def post(self, path: str, body: Mapping[str, Any], *, idempotency_key: str = "") -> Any:
        """Ask the API for something; the key makes a repeat harmless."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self.call("POST", f"api/{path}", body=body, headers=headers)

    def delete(self, path: str) -> Any:
        """Remove something over the API."""
        return self.call("DELETE", f"api/{path}")

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send one request to any path of the market and give the JSON of its answer.

        :raises Refused: it answered with an error status; :raises StackError: it did not answer.
        """
        request = urllib.request.Request(  # noqa: S310 - the scheme is ours
            f"{self.url}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **self._headers, **(headers or {})},
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
                # Decimal, because money that went through a float is no longer what was charged.
                return json.loads(response.read() or b"null", parse_float=Decimal)
        except urllib.error.HTTPError as error:
            words = f"{method} /{path} answered {error.code}: {_message(error.read(10_000))}"
            raise Refused(words, status=error.code) from error
        except OSError as error:
            raise StackError(f"{method} /{path} got no answer: {error}") from error


def _message(body: bytes) -> str:
    """Return the words of an error answer, which is JSON unless something stood in between."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, LookupError, TypeError):
        return body.decode(errors="replace")[:300]


@dataclass(frozen=True)
class SshIdentity:
    """An SSH key pair made for one purpose."""

    private: paramiko.Ed25519Key
    public_line: str


def make_identity(comment: str) -> SshIdentity:
    """Make a fresh ed25519 key pair."""
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return SshIdentity(paramiko.Ed25519Key(file_obj=io.StringIO(text)), f"{line} {comment}")


def run_inside(
    ssh_command: str, command: str, *, identity: SshIdentity, host_key: str
) -> tuple[int, str]:
    """Run a command in a pod as its `ssh user@host -p port` says; accept only the host key that the market published."""
    user, _, rest = ssh_command.removeprefix("ssh ").partition("@")
    host, _, port = rest.partition(" -p ")
    with paramiko.SSHClient() as client:
        kind, encoded = host_key.split()[:2]
        name = f"[{host}]:{port}" if port != "22" else host
        client.get_host_keys().add(
            name, kind, paramiko.PKey.from_type_string(kind, b64decode(encoded))
        )
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        client.connect(
            host,
            port=int(port),
            username=user,
            pkey=identity.private,
            look_for_keys=False,
            allow_agent=False,
            timeout=TIMEOUT_SECONDS,
            banner_timeout=TIMEOUT_SECONDS,
            auth_timeout=TIMEOUT_SECONDS,
        )
        _, output, errors = client.exec_command(command, timeout=TIMEOUT_SECONDS)
        text = output.read().decode() + errors.read().decode()
        return output.channel.recv_exit_status(), text
