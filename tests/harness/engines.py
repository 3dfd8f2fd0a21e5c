"""The engines that tests run on. One that is missing is a skip, with its reason; in CI that fails.

A test that uses the fixture `engine`, directly or by a daemon, and shows a row that an engine has a part in, runs on
each of them; `pytest_generate_tests` is a hook for the ``conftest.py`` of such tests.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest
from tests.conformance.differences import expected
from tests.hostile.rows import BY_KEY, ENGINES

from plugind.supervisor.engines import Engines

Expect = Callable[[str], Any]
"""What the engine under test is to do, where the engines differ."""


@functools.cache
def found() -> Engines:
    """Return the engines of this checkout."""
    engines = Engines(wasmer=None)
    anyio.run(engines.find)
    return engines


def require(engine: str) -> str:
    """Skip where an engine is missing.

    Args:
        engine: Its name.

    Returns:
        The Python that runs it.
    """
    info = next(info for info in found().infos if info.name == engine)
    if not info.available:
        pytest.skip(info.reason)
    return info.interpreter


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> str:
    """The engine under test; wasmtime where a test says nothing else."""
    name: str = getattr(request, "param", ENGINES[0])
    require(name)
    return name


@pytest.fixture
def expect(engine: str) -> Expect:
    """What the engine under test is to do, where the engines differ."""
    return functools.partial(expected, engine)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what shows a row of an engine's on each of them."""
    if "engine" not in metafunc.fixturenames:
        return
    shown = [BY_KEY[mark.args] for mark in _marks(metafunc.definition) if mark.args in BY_KEY]
    names = [pytest.param(ENGINES[0], id=pytest.HIDDEN_PARAM)]
    if any(row.engines for row in shown):
        names = [pytest.param(name) for name in ENGINES]
    metafunc.parametrize("engine", names, indirect=True, scope="module")


def _marks(test: pytest.Item) -> Iterator[pytest.Mark]:
    """The rows that a test shows with any of its parameters."""
    yield from test.iter_markers("threat")
    for parameters in test.iter_markers("parametrize"):
        for values in parameters.args[1]:
            yield from (mark for mark in getattr(values, "marks", ()) if mark.name == "threat")
