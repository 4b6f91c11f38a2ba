"""``python -m selfvid`` is ``selfvid``."""

from selfvid.cli.commands import main

if __name__ == "__main__":
    main()
