"""Who catches everything raises it again, or says beside it why not."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BROAD = {"Exception", "BaseException", "BaseExceptionGroup", "ExceptionGroup"}


def unexplained(text: str) -> Iterator[int]:
    """Lines of handlers that catch everything, keep it, and have no reason beside them."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ExceptHandler) and _broad(node.type) and "#" not in lines[node.lineno - 1]:
            last = node.body[-1]
            if not (isinstance(last, ast.Raise) and last.exc is None):
                yield node.lineno


def _broad(kind: ast.expr | None) -> bool:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(one is None or (isinstance(one, ast.Name) and one.id in BROAD) for one in kinds)


@pytest.mark.parametrize("folder", ["protocol", "daemon", "clients"])
def test_who_catches_everything_raises_it_again_or_says_why_not(folder: str) -> None:
    files = [path for path in (ROOT / folder).rglob("*.py") if "templates" not in path.parts]
    assert files
    found = [f"{path.relative_to(ROOT)}:{line}" for path in files for line in unexplained(path.read_text())]
    assert found == []


@pytest.mark.parametrize(
    ("handler", "lines"),
    [
        ("except Exception:\n    pass", [3]),
        ("except:\n    pass", [3]),
        ("except (OSError, BaseException):\n    pass", [3]),
        ("except BaseException as exc:\n    raise ValueError from exc", [3]),
        ("except BaseException:\n    print()\n    raise", []),
        ("except Exception:  # it is only said\n    print()", []),
        ("except OSError:\n    pass", []),
    ],
)
def test_what_counts(handler: str, lines: list[int]) -> None:
    assert list(unexplained(f"try:\n    pass\n{handler}\n")) == lines
