"""The decoder's process: ``python -m plugind_headless.media DESCRIPTOR``, as `media.decoder` starts it."""

import sys

from plugind_headless.media.child import serve


def main() -> None:
    """Serve the socket whose descriptor is the only argument."""
    serve(int(sys.argv[1]))


if __name__ == "__main__":
    main()
