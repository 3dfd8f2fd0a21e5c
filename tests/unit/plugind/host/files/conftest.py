"""Both ways to open files, for every test here that names ``open_``."""

import pytest

from plugind.host.files import beneath


@pytest.fixture(params=["kernel", "walk"])
def open_(request: pytest.FixtureRequest) -> beneath.Open:
    if request.param == "walk":
        return beneath.by_walk
    if beneath.choose() is not beneath.by_kernel:
        pytest.skip("this kernel has no openat2")
    return beneath.by_kernel
