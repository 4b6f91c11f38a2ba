"""``python -m selfvid`` is ``selfvid``."""

import sys
from pathlib import Path

# Python puts the current folder first, where a file such as yaml.py of a stranger would take the
# place of the installed module. The folder stays if this package itself is in it.
if sys.path and Path(sys.path[0]).resolve() != Path(__file__).resolve().parents[1]:
    del sys.path[0]

from selfvid.cli.commands import main

if __name__ == "__main__":
    main()
