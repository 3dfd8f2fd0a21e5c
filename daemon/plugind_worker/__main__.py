"""``python -m plugind_worker --zygote FD --engine NAME``: started by the supervisor, never by hand."""

import argparse

from plugind_worker import zygote
from plugind_worker.engine import ENGINES


def main() -> None:
    """Run the zygote."""
    parser = argparse.ArgumentParser(prog="plugind_worker", description=__doc__)
    parser.add_argument("--zygote", type=int, required=True, metavar="FD", help="a SOCK_SEQPACKET socket")
    parser.add_argument("--engine", choices=sorted(ENGINES), required=True)
    args = parser.parse_args()
    zygote.run(args.zygote, args.engine)


if __name__ == "__main__":
    main()
