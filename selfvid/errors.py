"""The exception for errors in what a user passes in."""


class InputError(ValueError):
    """Raised if an argument or a file of the user is not as expected.

    The message is one line that names the thing, its value and what was expected. The command line
    prints the message without a traceback and exits with code 2.
    """


class NotFinite(InputError):
    """Raised if a loss, a gradient or a weight of a training is infinite or no number."""
