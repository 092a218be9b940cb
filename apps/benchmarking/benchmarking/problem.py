"""What a caller is told when a request cannot be met."""


class Problem(Exception):
    """Ends the request; what it wrote is not kept."""

    def __init__(self, status: int, code: str, title: str) -> None:
        super().__init__(title)
        self.status = status
        # The stable code, to be matched by programs.
        self.code = code
        # A sentence for people.
        self.title = title


def bad_request(title: str) -> Problem:
    """The request's form is wrong; the caller's fault."""
    return Problem(400, "bad_request", title)


def unknown(what: str) -> Problem:
    """There is no such metric, period or figure."""
    return Problem(404, f"unknown_{what}", f"there is no such {what}")


def conflict(code: str, title: str) -> Problem:
    """What is asked does not go with what is there."""
    return Problem(409, code, title)
