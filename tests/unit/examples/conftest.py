"""Makes the example scripts and the in-process host importable here: neither is a package."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
for folder in (HERE, ROOT / "examples"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

import guest as in_process  # noqa: E402  (needs the path above)

HANDLE = 7


@pytest.fixture(scope="session")
def guest() -> Callable[..., in_process.Guest]:
    """Instantiates a plugin by its folder, relative to the repository: ``guest("examples/invert")``."""

    def instantiate(folder: str, **host_methods: in_process.HostMethod) -> in_process.Guest:
        named = {name.replace("_", "."): method for name, method in host_methods.items()}
        return in_process.Guest(in_process.main_of(ROOT / folder), named)

    return instantiate


@pytest.fixture(scope="session")
def effect(guest: Callable[..., in_process.Guest]) -> Callable[[str], in_process.Guest]:
    """Instantiates an example and loads it, its effect registered as handle 7."""

    def load(name: str) -> in_process.Guest:
        def register(definition: Any) -> dict[str, int]:
            assert definition["parameters"] is not None
            return {"effect": HANDLE}

        loaded = guest(f"examples/{name}", effects_register=register)
        assert loaded.call("lifecycle.load") is None
        return loaded

    return load
