"""The exception behind every complaint about what the user gave."""


class InputError(Exception):
    """Something that the user must change: a capture, an address, a folder.

    `str()` is one line that names it and says how; commands print it and exit with status 2.
    """


class CannotRun(InputError):
    """This machine has not what it takes: a privilege, a program, an operating system."""
