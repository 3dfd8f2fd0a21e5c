"""Entry of the ``pluginctl`` command."""

import sys

import click

from pluginctl.app import app
from pluginctl.failure import Exit


def main() -> None:
    """Run the command line and end the process with its exit status."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line.

    Args:
        arguments: As given after the program's name.

    Returns:
        The exit status.
    """
    try:
        status = app.main(arguments, prog_name="pluginctl", standalone_mode=False)
    except click.ClickException as exc:
        exc.show()
        return exc.exit_code
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    return status if isinstance(status, int) else Exit.OK


if __name__ == "__main__":
    main()
