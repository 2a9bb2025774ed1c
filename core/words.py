"""Words of sentences that count something."""


def counted(number: int, noun: str) -> str:
    """Write a number of things: 1 pod, 2 pods."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
