"""``python -m plugind_worker --zygote FD --engine NAME``: started by the supervisor, never by hand."""

import argparse
import sys

from plugind_protocol import systems
from plugind_worker.engine import ENGINES

if sys.platform != "win32":
    from plugind_worker import zygote


def main() -> None:
    """Run the zygote, where there can be one."""
    if why := systems.why_no_workers():
        sys.exit(why)
    parser = argparse.ArgumentParser(prog="plugind_worker", description=__doc__)
    parser.add_argument("--zygote", type=int, required=True, metavar="FD", help="a SOCK_SEQPACKET socket")
    parser.add_argument("--engine", choices=sorted(ENGINES), required=True)
    args = parser.parse_args()
    if sys.platform != "win32":
        zygote.run(args.zygote, args.engine)


if __name__ == "__main__":
    main()
