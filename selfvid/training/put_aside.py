"""Files that killed the process that read them: noted by a run, and left out when it is resumed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selfvid.data.clips.workers import ReaderDied
from selfvid.errors import InputError
from selfvid.saving.whole import write_whole
from selfvid.training.sources import BatchSource


@contextmanager
def putting_aside(noted: Path, source: BatchSource) -> Iterator[None]:
    """Context manager around training that leaves out the files noted earlier, and notes another.

    A clip of such a file is replaced by one of another video, as that of an unreadable file is.

    Args:
        noted: text file of the run, one path on each line; it need not exist.
        source: the source of the batches.

    Raises:
        InputError: If a file kills the process that reads it.
    """
    paths = noted.read_text(encoding="utf-8").splitlines() if noted.is_file() else []
    source.put_aside(frozenset(paths))
    try:
        yield
    except ReaderDied as error:
        write_whole(noted, "".join(f"{path}\n" for path in (*paths, error.path)))
        raise InputError(f"{error}; --resume goes on without it") from None
