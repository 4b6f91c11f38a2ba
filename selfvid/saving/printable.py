"""Names of files as they are printed: a name may contain codes that a terminal obeys.

Such a code can change colours, erase lines or reverse the direction of writing, and a name may
also be bytes that are no UTF-8, which Python cannot print at all.
"""

from __future__ import annotations

import os
import re
import shlex

# Control characters, separators of lines, marks of direction, and bytes that are no UTF-8.
_CODES = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_CODE = re.compile(f"[{_CODES}]")
_CODE_IN_NAME = re.compile(rf"[{_CODES}\t\n]")


def escaped(text: str) -> str:
    r"""Return a text of several lines with an escape such as ``\x1b`` for each code."""
    return _CODE.sub(lambda code: repr(code[0])[1:-1], text)


def printable(name: object) -> str:
    """Return a name, such as a path, as it is printed: quoted and escaped if it contains codes."""
    text = str(name)
    return repr(text) if _CODE_IN_NAME.search(text) else text


def shell_word(name: object) -> str:
    """Return a name, such as a path, as one word of a command line that a user may copy."""
    text = str(name)
    if not _CODE_IN_NAME.search(text):
        return shlex.quote(text)
    plain = (
        chr(byte) if 32 <= byte < 127 and chr(byte) not in "\\'" else f"\\x{byte:02x}"
        for byte in os.fsencode(text)
    )
    return f"$'{''.join(plain)}'"
