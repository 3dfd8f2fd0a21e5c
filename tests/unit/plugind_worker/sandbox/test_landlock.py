import pytest

from plugind_worker.sandbox.linux.landlock import handled


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        (1, [(1 << 13) - 1]),
        (2, [(1 << 14) - 1]),
        (3, [(1 << 15) - 1]),
        (4, [(1 << 15) - 1, 0b11]),
        (5, [(1 << 16) - 1, 0b11]),
        (6, [(1 << 16) - 1, 0b11, 0b11]),
        (99, [(1 << 16) - 1, 0b11, 0b11]),
    ],
)
def test_everything_that_a_version_knows_is_handled(version: int, fields: list[int]) -> None:
    assert handled(version) == fields
