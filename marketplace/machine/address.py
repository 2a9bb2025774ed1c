"""How to find a machine and know that it is the right one."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineAddress:
    """Where a machine is, who we are on it, and which ed25519 host key it must present."""

    host: str
    port: int
    user: str
    host_key_sha256: str
    private_key: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}"
