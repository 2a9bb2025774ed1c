"""Reading e-mail addresses: in one spelling, and no longer than the columns that hold them."""

from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from core.errors import Invalid

# RFC 5321, and what the tables hold; Django's own check lets 320 pass.
MAX_LENGTH: Final = 254


def parse(text: str) -> str:
    """Give an address as it is stored, in lower case.

    :raises Invalid: it is none, or too long.
    """
    address = text.strip().lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise Invalid(
            "This is no e-mail address.", hint="Send one like name@example.com."
        ) from error
    if len(address) > MAX_LENGTH:
        raise Invalid(
            f"This e-mail address has {len(address)} characters, and {MAX_LENGTH} is the most.",
            hint="Use a shorter one.",
        )
    return address
