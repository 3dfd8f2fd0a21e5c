"""``python -m benchmarks``, which is ``make bench``: everything, in one run; ``--quick`` is ``make bench-quick``.

Prints each row beside its goal and the last recorded run. Nothing is asserted: it fails only if it cannot measure.
"""

import argparse
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import Final

from benchmarks import record, table
from benchmarks.calls import calls
from benchmarks.density import density
from benchmarks.findings import Curve, Finding, Row, Spread
from benchmarks.frames import frames
from benchmarks.languages import languages
from benchmarks.rendering import rendering
from benchmarks.scaling import scaling
from benchmarks.setting import ROOT, Setting, Subject
from benchmarks.starting import starting

SUBJECTS: Final[dict[str, Subject]] = {
    "calls": calls,
    "frames": frames,
    "languages": languages,
    "rendering": rendering,
    "starting": starting,
    "density": density,
    "scaling": scaling,
}
IN_QUICK: Final = ("calls", "frames", "rendering", "starting", "density")
QUICK_PART: Final = 0.1
PAGE: Final = ROOT / "docs" / "performance.md"
IMAGES: Final = ROOT / "docs" / "images"


def main() -> int:
    """Measure, print, keep; return 1 if a subject could not be measured."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"only these of {', '.join(SUBJECTS)}")
    parser.add_argument("--quick", action="store_true", help="the rows with goals, few runs of each: under a minute")
    parser.add_argument("--write", action="store_true", help="fill docs/performance.md, and record the run")
    given = parser.parse_args()
    if unknown := set(given.subjects) - set(SUBJECTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}")
    setting = Setting(quick=True, part=QUICK_PART) if given.quick else Setting()
    names = given.subjects or (IN_QUICK if given.quick else tuple(SUBJECTS))
    about = record.conditions()
    print(about.words(), end="\n\n", flush=True)
    run = Run(setting)
    found = [one for name in names for one in run.subject(name)]
    rows = [one for one in found if isinstance(one, Row)]
    missed, judged = table.unmet(rows), [row for row in rows if row.met is not None]
    print(f"\n{len(judged) - len(missed)} of {len(judged)} goals met", end="")
    print("; missed: " + ", ".join(missed) if missed else "")
    print(f"written to {record.keep(about, found).relative_to(ROOT)}")
    if given.write and not run.failed:
        write(about, found)
        print(f"{PAGE.relative_to(ROOT)} is filled, {record.RECORDED.relative_to(ROOT)} written")
    for name in run.failed:
        print(f"FAILED: {name} could not be measured", file=sys.stderr)
    return 1 if run.failed else 0


class Run:
    """One run of the suite.

    Args:
        setting: Given to each subject.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        last = record.recorded()
        self._before = last.figures if last else {}
        self.failed: list[str] = []

    def subject(self, name: str) -> Iterator[Finding]:
        """Measure a subject, and print its rows as they are found; one that fails does not stop the others."""
        began = time.monotonic()
        try:
            for one in SUBJECTS[name](self._setting):
                if isinstance(one, Row):
                    print(table.line(one, self._before.get(one.key)), flush=True)
                yield one
        except Exception:  # whatever it is, the other subjects can still be measured
            traceback.print_exc()
            self.failed.append(name)
        print(f"({name}: {time.monotonic() - began:.0f} s)", flush=True)


def write(about: record.Conditions, found: Sequence[Finding]) -> None:
    """Fill the documentation, draw the pictures, and record the run."""
    from benchmarks import pictures  # noqa: PLC0415  # the quick run does without a plotting library

    rows = [one for one in found if isinstance(one, Row)]
    curves = [one for one in found if isinstance(one, Curve)]
    page = PAGE.read_text(encoding="utf-8")
    page = table.filled(page, "rows", f"{about.words()}\n\n{table.markdown(rows)}")
    if curves:
        page = table.filled(page, "curves", table.curves(curves))
        pictures.draw_curves(curves, IMAGES / "scaling.svg")
    PAGE.write_text(page, encoding="utf-8")
    pictures.draw_spreads([one for one in found if isinstance(one, Spread)], IMAGES / "latencies.svg")
    record.record(about, rows)


if __name__ == "__main__":
    sys.exit(main())
