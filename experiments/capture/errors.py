"""The one exception that reading a capture raises."""

from experiments.errors import InputError


class CaptureError(InputError):
    """A capture that cannot be used: which file, which field, what is wrong, what to do about it.

    `str()` is one line, fit for a terminal.
    """

    def __init__(self, path: str, field: str, problem: str, fix: str) -> None:
        super().__init__(f"{path}: {field}: {problem}; {fix}")
        self.path = path
        self.field = field
        self.problem = problem
        self.fix = fix
