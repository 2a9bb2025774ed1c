"""What can go wrong with one endpoint; none of it leaves this package."""


class EndpointFailed(Exception):
    """The endpoint gave no answer that can be believed: the next one is asked."""


class AnotherHistory(EndpointFailed):
    """The endpoint has another block where a final one was read before."""


class RpcRefused(Exception):
    """The endpoint understood the question and refused; ``code`` and words are the node's own."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        words = f"{message}: {data}" if data else message
        super().__init__(words[:500])
        self.code = code
