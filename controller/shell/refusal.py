"""How the control socket says no."""


class Unusable(Exception):
    """A request that cannot be carried out, with its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
