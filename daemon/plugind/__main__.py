"""``plugind`` and ``python -m plugind``."""

import sys

from plugind.cli import run


def main() -> None:
    """Run the daemon and exit with its status."""
    sys.exit(run())


if __name__ == "__main__":
    main()
