import pytest

from plugind.config import Isolation
from plugind.policy.isolation import publisher, sharing


@pytest.mark.parametrize(("plugin_id", "scope"), [("@acme/blur", "@acme"), ("blur", None), ("acme.blur", None)])
def test_the_publisher_is_the_scope_of_the_name(plugin_id: str, scope: str | None) -> None:
    assert publisher(plugin_id) == scope


@pytest.mark.parametrize(
    ("default", "chosen", "expected"),
    [
        ("dedicated", {}, None),
        ("publisher", {}, "@acme"),
        ("dedicated", {"@acme": "publisher"}, "@acme"),
        ("publisher", {"@acme": "dedicated"}, None),
        ("publisher", {"@acme/blur": "dedicated"}, None),
        ("dedicated", {"@acme": "dedicated", "@acme/blur": "publisher"}, "@acme"),
        ("dedicated", {"@other": "publisher", "@acme/sharpen": "publisher"}, None),
    ],
)
def test_the_nearest_choice_counts(default: Isolation, chosen: dict[str, Isolation], expected: str | None) -> None:
    assert sharing("@acme/blur", default=default, chosen=chosen) == expected


def test_a_plugin_without_a_scope_is_alone_whatever_is_chosen() -> None:
    assert sharing("blur", default="publisher", chosen={"blur": "publisher"}) is None
