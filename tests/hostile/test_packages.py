"""Packages made to hurt: each is refused, with the entry and the reason, and nothing of it is left anywhere."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.zips import build
from tests.hostile.packages import CASES, Case, good
from tests.hostile.report import Report

from plugind.registry import packages
from plugind_protocol.errors import ManifestInvalid, PackageInvalid
from plugind_protocol.package import folder
from plugind_protocol.package.unpack import unpack

SECTION = "Packages"
EXAMPLES = 400


@pytest.fixture
def staging(tmp_path: Path) -> Iterator[Path]:
    """Where packages are unpacked; nothing else in the test's folder may change."""
    (tmp_path / "staging").mkdir()
    (tmp_path / "neighbour").write_text("untouched")
    yield tmp_path / "staging"
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert left <= {"staging", "neighbour", "package"}
    assert (tmp_path / "neighbour").read_text() == "untouched"


def unpacked(blob: bytes, staging: Path) -> dict[str, bytes]:
    """What a package holds; the folder is gone again afterwards."""
    package = staging.parent / "package"
    package.write_bytes(blob)
    into = staging / "into"
    with packages.open_package(package) as stream:
        unpack(stream, into)
    found = {path.relative_to(into).as_posix(): path for path in into.rglob("*") if path.is_file()}
    assert folder.read(into).files.keys() == found.keys()
    contents = {name: path.read_bytes() for name, path in found.items()}
    for path in sorted(into.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    into.rmdir()
    return contents


GOOD = {part.name.decode(): part.data for part in good()}


def test_the_good_package_is_good(staging: Path) -> None:
    assert unpacked(build(good()), staging) == GOOD


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{case.attack}: {case.name}", marks=pytest.mark.threat(SECTION, case.attack))
        for case in CASES
    ],
)
def test_refused_with_the_reason_and_nothing_left(case: Case, staging: Path) -> None:
    with pytest.raises((PackageInvalid, ManifestInvalid), match=case.reason):
        unpacked(case.make(), staging)
    assert list(staging.iterdir()) == []


MUTATIONS = st.lists(
    st.tuples(st.integers(0, 1 << 16), st.binary(max_size=8), st.integers(0, 12)), min_size=1, max_size=4
)


@pytest.mark.threat(SECTION, "damaged packages")
def test_a_changed_package_holds_the_same_or_is_refused(staging: Path, report: Report) -> None:
    whole = build(good())

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(MUTATIONS)
    def attempt(changes: list[tuple[int, bytes, int]]) -> None:
        blob = whole
        for place, new, length in changes:
            at = place % (len(blob) + 1)
            blob = blob[:at] + new + blob[at + length :]
        with contextlib.suppress(PackageInvalid, ManifestInvalid):
            assert unpacked(blob, staging) == GOOD
        assert list(staging.iterdir()) == []

    attempt()
    report.cases(EXAMPLES)


@pytest.mark.threat(SECTION, "damaged packages")
def test_every_single_changed_byte_holds_the_same_or_is_refused(staging: Path, report: Report) -> None:
    whole = build(good())
    for at in range(len(whole)):
        for flip in (0x01, 0x80, 0xFF):
            blob = bytearray(whole)
            blob[at] ^= flip
            with contextlib.suppress(PackageInvalid, ManifestInvalid):
                assert unpacked(bytes(blob), staging) == GOOD, f"byte {at}"
    report.cases(3 * len(whole))


@pytest.mark.threat(SECTION, "damaged packages")
def test_every_piece_of_a_package_is_refused(staging: Path, report: Report) -> None:
    whole = build(good())
    for cut in range(len(whole)):
        with pytest.raises(PackageInvalid):
            unpacked(whole[:cut], staging)
    report.cases(len(whole))


def test_what_is_not_a_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path / "missing", Path("/dev/zero")):
        with pytest.raises(PackageInvalid, match=r"cannot be read as a package|not a regular file"):
            packages.open_package(path)
