"""What this market does not offer, said plainly and with what to do instead."""

from core.errors import DomainError


class NotOffered(DomainError):
    """The client knows something that this market does not do."""

    code = "not_offered"

    def __init__(self, what: str, *, instead: str, field: str = "") -> None:
        super().__init__(
            f"This market does not offer {what}.",
            hint=instead,
            data={"field": field} if field else {},
        )
