"""The secrets of a market on one machine: made once, kept in one private file, handed down by environment."""

import base64
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from lium_site.stack.console import StackError
from lium_site.stack.paths import State, write_private

ADMIN_EMAIL = "admin@market.localhost"
RENTER_EMAIL = "renter@market.localhost"


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What a first `up` makes up, and every later one keeps."""

    secret_key: str
    field_keys: tuple[str, ...]
    admin_password: str
    renter_password: str
    renter_api_key: str

    def environment(self) -> dict[str, str]:
        """Return the variables that every program reads."""
        return {
            "MARKET_SECRET_KEY": self.secret_key,
            "MARKET_FIELD_KEYS": ",".join(self.field_keys),
        }

    def logins(self) -> dict[str, str]:
        """Return the variables that only seeding reads."""
        return {
            "MARKET_ADMIN_EMAIL": ADMIN_EMAIL,
            "MARKET_ADMIN_PASSWORD": self.admin_password,
            "MARKET_RENTER_EMAIL": RENTER_EMAIL,
            "MARKET_RENTER_PASSWORD": self.renter_password,
            "MARKET_RENTER_API_KEY": self.renter_api_key,
        }


def credentials_of(state: State) -> Credentials:
    """Return the market's secrets, made up on the first call."""
    file = state.folder / "secrets.json"
    if not file.exists():
        write_private(file, json.dumps(asdict(made_up()), indent=2))
    return _read(file)


def made_up() -> Credentials:
    """Invent a full set of secrets."""
    return Credentials(
        secret_key=secrets.token_urlsafe(50),
        field_keys=(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),),
        admin_password=secrets.token_urlsafe(12),
        renter_password=secrets.token_urlsafe(12),
        renter_api_key="sk_" + secrets.token_urlsafe(32),
    )


def _read(file: Path) -> Credentials:
    try:
        values = json.loads(file.read_text())
        return Credentials(**{**values, "field_keys": tuple(values["field_keys"])})
    except (ValueError, TypeError, KeyError) as error:
        raise StackError(
            f"{file} is damaged ({error}). Its keys open what is encrypted in the database: restore it from a backup, "
            "or remove the whole state folder to begin anew."
        ) from error
