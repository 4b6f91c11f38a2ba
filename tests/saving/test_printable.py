from __future__ import annotations

import os
import subprocess

import pytest

from selfvid.saving.printable import escaped, printable, shell_word

NAMES = ["a.mp4", "my video's.mp4", "\x1b[31mred\x1b[0m.mp4", "two\nlines\\.mp4", "naïve.mp4"]
LATIN = os.fsdecode(b"caf\xe9 \x07.mp4")


def test_names_with_codes_are_quoted_and_others_are_not() -> None:
    shown = [printable(name) for name in NAMES]
    assert shown[0] == "a.mp4"
    assert shown[2] == r"'\x1b[31mred\x1b[0m.mp4'"
    assert shown[3] == r"'two\nlines\\.mp4'"
    assert shown[4] == "naïve.mp4"
    assert printable(LATIN) == r"'caf\udce9 \x07.mp4'"
    assert printable("a\u202egpm.mp4") == r"'a\u202egpm.mp4'"


@pytest.mark.parametrize("name", [*NAMES, LATIN])
def test_a_shell_reads_a_word_as_the_name(name: str) -> None:
    command = f"printf %s {shell_word(name)}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    assert done.stdout == os.fsencode(name)


def test_lines_keep_their_breaks_and_lose_their_codes() -> None:
    assert escaped("a\tb\n\x1b[2Jc\rd\udce9") == "a\tb\n\\x1b[2Jc\\rd\\udce9"
