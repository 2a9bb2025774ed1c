"""What is wrong with bytes that should have been a bundle."""


class Malformed(ValueError):
    """This is not a bundle; the message says where and why."""
