"""What installing takes beside what is installed: what may move, what stays, and what is no reason to refuse."""

import pytest

from plugind.registry.planning import Plan, plan
from plugind.registry.resolve import Host, Offer, Want
from plugind_protocol.conflicts import Conflict
from plugind_protocol.manifest import SDK_NAME


def offer(name: str, version: str, needs: dict[str, str] | None = None, **more: object) -> Offer:
    return Offer(name=name, version=version, dependencies=needs or {}, **more)  # type: ignore[arg-type]


def steps(found: Plan | Conflict) -> list[tuple[str, str, str]]:
    assert isinstance(found, Plan), found
    return [(step.node.offer.name, step.node.offer.version, step.change) for step in found.steps]


def sentence(found: Plan | Conflict) -> str:
    assert isinstance(found, Conflict), found
    return found.explanation


CORE_1 = offer("core", "1.0.0")
CORE_2 = offer("core", "2.0.0")
HERE_1 = offer("core", "1.0.0", installed=True, source="installed")


def test_what_is_missing_comes_first() -> None:
    given = offer("a", "1.0.0", {"b": "^1", SDK_NAME: "^1"}, source="/a")
    found = plan(given, [offer("b", "1.2.0", {"core": "*"}), CORE_1, CORE_2], Host())
    assert steps(found) == [
        (SDK_NAME, "1.0.0", "none"),
        ("core", "2.0.0", "install"),
        ("b", "1.2.0", "install"),
        ("a", "1.0.0", "install"),
    ]


def test_what_is_installed_stays_and_is_shown_where_it_is_needed() -> None:
    other = offer("other", "1.0.0", installed=True)
    found = plan(Want(name="a", range="*"), [offer("a", "1.0.0", {"core": "*"}), HERE_1, CORE_2, other], Host())
    assert steps(found) == [("core", "1.0.0", "none"), ("a", "1.0.0", "install")]


def test_a_dependency_is_updated_where_it_must_be() -> None:
    found = plan(offer("a", "1.0.0", {"core": "^2"}), [HERE_1, CORE_2], Host())
    assert steps(found) == [("core", "2.0.0", "update"), ("a", "1.0.0", "install")]
    assert isinstance(found, Plan)
    assert [step.previous for step in found.changes] == ["1.0.0", None]


def test_what_is_installed_is_not_broken() -> None:
    user = offer("user", "1.0.0", {"core": "^1"}, installed=True)
    newer = offer("user", "2.0.0", {"core": "^2"})
    found = plan(offer("a", "1.0.0", {"core": "^2"}), [HERE_1, CORE_2, user, newer], Host())
    assert sentence(found) == (
        "a 1.0.0 needs core ^2, but user 1.0.0 needs core ^1; no version satisfies both (there are 2.0.0 and 1.0.0)"
    )
    found = plan(offer("core", "3.0.0"), [HERE_1, user], Host())
    assert sentence(found).startswith("user 1.0.0 needs core ^1, but ")


def test_what_is_broken_already_is_no_reason_to_refuse() -> None:
    broken = [
        offer("broken", "1.0.0", {"nowhere": "^1", "core": "^1"}, installed=True),
        offer("future", "1.0.0", installed=True, api_version="1.9", min_timeline_version="9.0.0"),
    ]
    found = plan(offer("a", "1.0.0"), [*broken, HERE_1], Host(timeline_version="1.0.0"))
    assert steps(found) == [("a", "1.0.0", "install")]
    found = plan(offer("a", "1.0.0", {"core": "^2"}), [*broken, HERE_1, CORE_2], Host(timeline_version="1.0.0"))
    assert "broken 1.0.0 needs core ^1" in sentence(found)


def test_a_plugin_that_is_installed_is_resolved_as_it_is_or_repaired() -> None:
    here = offer("a", "1.0.0", {"core": "^1"}, installed=True)
    assert steps(plan(Want(name="a", range="*"), [here, HERE_1], Host())) == [
        ("core", "1.0.0", "none"),
        ("a", "1.0.0", "none"),
    ]
    assert steps(plan(Want(name="a", range="*"), [here, CORE_1], Host())) == [
        ("core", "1.0.0", "install"),
        ("a", "1.0.0", "none"),
    ]


def test_a_pre_release_that_is_installed_may_stay() -> None:
    here = offer("core", "2.0.0-rc.1", installed=True)
    assert steps(plan(offer("a", "1.0.0", {"core": "^2.0.0-rc.0"}), [here], Host()))[0] == (
        "core",
        "2.0.0-rc.1",
        "none",
    )
    assert steps(plan(offer("a", "1.0.0"), [here], Host())) == [("a", "1.0.0", "install")]


def test_a_given_plugin_stands_for_no_other_version_of_its_name() -> None:
    other = [offer("a", "1.0.0", {"nowhere": "*"}, source="/kept"), offer("a", "3.0.0")]
    found = plan(offer("a", "1.0.0", source="/given"), other, Host())
    assert isinstance(found, Plan)
    assert found.target.source == "/given"


@pytest.mark.parametrize("update", [[], ["core"]])
def test_an_update_is_preferred_where_it_is_asked_for(update: list[str]) -> None:
    found = plan(Want(name="a", range="*"), [offer("a", "1.0.0", {"core": "*"}), HERE_1, CORE_2], Host(), update=update)
    assert steps(found)[0] == (("core", "2.0.0", "update") if update else ("core", "1.0.0", "none"))


def test_cycles_are_told() -> None:
    found = plan(offer("a", "1.0.0", {"b": "*"}), [offer("b", "1.0.0", {"a": "*"})], Host())
    assert isinstance(found, Plan)
    assert found.cycles == (("a", "b"),)
    assert steps(found) == [("a", "1.0.0", "install"), ("b", "1.0.0", "install")]
