"""The one kind of error a user can cause."""


class InputError(ValueError):
    """Something a user handed in is not what was expected.

    The message is one line that names the thing, its value and the expectation; the command
    line prints it alone and exits with code 2.
    """
