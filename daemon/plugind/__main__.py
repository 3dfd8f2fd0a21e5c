"""``plugind`` and ``python -m plugind``."""

import sys

# structlog imports rich where it finds it: 3 MB and a tenth of a second, and the daemon has no use for it.
sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # None is how an import is ruled out

from plugind.cli import run  # noqa: E402  # after that


def main() -> None:
    """Run the daemon and exit with its status."""
    sys.exit(run())


if __name__ == "__main__":
    main()
