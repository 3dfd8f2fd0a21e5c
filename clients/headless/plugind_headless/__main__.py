"""``python -m plugind_headless``: started by the daemon, which hands over one end of a socket pair."""

import argparse
import sys

from plugind_headless.app import Options, run


def main() -> None:
    """Run the host and exit with its status."""
    parser = argparse.ArgumentParser(prog="plugind_headless", description="Started by plugind --host headless.")
    parser.add_argument("--descriptor", type=int, required=True, help="of the socket to the daemon")
    parser.add_argument("--project", help="an .otio file")
    parser.add_argument("--dialogs", default="cancel", help="cancel, accept, prompt, or a file with answers")
    sys.exit(run(Options(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
