"""``python -m tests.hostile.fuzz TARGET SECONDS FOLDER``: coverage-guided fuzzing of one target, in this process.

Ends with the fuzzer's status: 0 when nothing was found. What it found is written to FOLDER.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["plugind_protocol", "plugind_worker", "plugind"]):
    from tests.hostile.fuzz import targets


def main(name: str, seconds: str, folder: str) -> None:
    """Fuzz; does not return."""
    corpus = Path(folder) / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(targets.seeds(name)):
        (corpus / f"seed-{number}").write_bytes(seed)
    target = targets.TARGETS[name]
    options = [
        f"-max_total_time={seconds}",
        "-max_len=4096",
        "-timeout=5",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={folder}/", str(corpus)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
