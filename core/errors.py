"""The base of all errors that a person, and not the code, can mend."""


class PlainError(Exception):
    """What went wrong, in a line that names the mend; commands print it without a traceback, and pages show it."""
