"""``python -m ringwall``: the command line."""

import sys

from ringwall.cli import main

if __name__ == "__main__":
    sys.exit(main())
