"""``python -m selfvid`` is ``selfvid``."""

from selfvid.cli import main

main()
