"""Binary sizes, named by unit."""

from typing import Final

MIB_PER_GIB: Final = 1024
