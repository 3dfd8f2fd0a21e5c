"""In which order installed plugins come up and go down, and who needs whom."""

from plugind.registry.dependents import Present, Unmet, after, before, needing, unmet
from plugind.registry.resolve import Host
from plugind_protocol.manifest import SDK_NAME


def present(version: str = "1.0.0", **needs: str) -> Present:
    return Present(version, needs)


CHAIN = {
    "a": present(b="^1", z="*"),
    "b": present(c="*"),
    "c": present(),
    "z": present(c="^2"),
    "other": present(b="*"),
}
CYCLE = {"a": present(b="*"), "b": present(c="*"), "c": present(a="*", d="*"), "d": present(), "e": present(a="*")}


def test_what_is_needed_comes_up_first() -> None:
    assert before("a", CHAIN) == ["c", "b", "z"]
    assert before("c", CHAIN) == []
    assert before("other", CHAIN) == ["c", "b"]


def test_what_needs_it_goes_down_first() -> None:
    assert after("c", CHAIN) == ["a", "other", "b", "z"]
    assert after("a", CHAIN) == []


def test_a_cycle_comes_up_and_goes_down_whole() -> None:
    assert before("a", CYCLE) == ["d", "b", "c"]
    assert before("e", CYCLE) == ["d", "a", "b", "c"]
    assert set(after("a", CYCLE)) == {"b", "c", "e"}
    assert after("d", CYCLE)[0] == "e"


def test_what_is_not_met_is_said() -> None:
    assert unmet("a", CHAIN, Host()) == []
    assert unmet("z", CHAIN, Host()) == [Unmet("c", "^2", "1.0.0")]
    installed = {"x": Present("1.0.0", {SDK_NAME: "^1", "nobody": "^3"}), "y": Present("1.0.0", {SDK_NAME: "^7"})}
    assert unmet("x", installed, Host()) == [Unmet("nobody", "^3", None)]
    assert unmet("y", installed, Host()) == [Unmet(SDK_NAME, "^7", "1.0.0")]


def test_only_who_has_it_needs_it() -> None:
    assert needing("c", CHAIN) == ["b"]  # z wants another version, and so does not have it
    assert needing("b", CHAIN) == ["a", "other"]
    assert needing("a", {"a": present(a="*")}) == []
