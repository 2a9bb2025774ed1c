"""Signing in, and the account of a provider."""

from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import Field, StringConstraints

from marketplace.portal.schemas.common import NO_NUL, Password, Text


class SignedIn(Schema):
    """A hotkey, what it signed (our challenge, or the Unix time) and the signature as hexadecimal."""

    miner_hotkey: Annotated[str, StringConstraints(max_length=60, pattern=NO_NUL)]
    message: Annotated[str, StringConstraints(max_length=300, pattern=NO_NUL)]
    signature: Annotated[str, StringConstraints(max_length=140, pattern=NO_NUL)]


class EmailLogin(Schema):
    """An address and its password."""

    email: Text
    password: Password


class NewPassword(SignedIn):
    """A fresh signature and the password that opens the account from now on."""

    new_password: Annotated[str, StringConstraints(min_length=8, max_length=128, pattern=NO_NUL)]


class NewEmail(Schema):
    """An address to be told of things at."""

    email: Text


class Subscription(Schema):
    """GPU names whose machine requests the provider wants to hear of."""

    machine_request_subscription: Annotated[list[Text], Field(max_length=100)]


class OptIn(Schema):
    """Whether this market may reach the provider's machines itself."""

    opt_in_status: bool


class ProfileOut(Schema):
    """A provider's account; ``miner_hotkey`` is an account id where there is no hotkey.

    ``install_command`` is the line for root's shell that lets this market into a machine.
    """

    id: str
    provider_id: str
    miner_hotkey: str
    miner_coldkey: str
    email: str | None
    opt_in_status: bool
    miner_uid: int | None
    ssh_public_key: str
    install_command: str
    machine_request_subscription: list[str]
    created_at: str
    updated_at: str


class LoginOut(Schema):
    """A session."""

    miner: ProfileOut
    token: str


class NewProfileOut(ProfileOut):
    """A changed account with the session that replaces the ended ones; ``hint`` is what is left to do, if anything."""

    token: str
    hint: str


class OptInOut(Schema):
    """Who was opted in or out, and where this market is."""

    miner_hotkey: str
    miner_coldkey: str
    central_miner_ip: str
    central_miner_port: int


class RegisterTokenOut(Schema):
    """A registration token, good for one machine within the hour."""

    token: str
    expires_at: datetime
