"""Resolution: against trying all there is, what is preferred, and how conflicts are put into words."""

import itertools
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.registries import HOST, fits, made, solvable

from plugind.registry.resolve import Graph, Host, Offer, Want, resolve
from plugind.registry.resolving import core, refutation
from plugind.registry.resolving.problem import Compiler
from plugind_protocol.conflicts import Conflict
from plugind_protocol.manifest import SDK_NAME


def offer(name: str, version: str, **more: object) -> Offer:
    return Offer(name=name, version=version, **more)  # type: ignore[arg-type]


def want(name: str, wanted: str = "*", **more: str) -> Want:
    return Want(name=name, range=wanted, **more)


CORE = [offer("fx-core", "1.4.0"), offer("fx-core", "2.0.1")]


def check(seed: int) -> None:
    """Compare with the plainest way, and check what came out."""
    wants, offers = made(seed)
    found = resolve(wants, offers, HOST)
    assert isinstance(found, Graph) == solvable(wants, offers), seed
    if isinstance(found, Conflict):
        assert found.explanation, seed
        assert found.kind in {"missing", "version", "host", "conflict"}
        return
    assert fits(wants, [node.offer for node in found.nodes]), seed
    at = {node.offer.name: index for index, node in enumerate(found.nodes)}
    together = {frozenset(pair) for cycle in found.cycles for pair in itertools.combinations(cycle, 2)}
    for node in found.nodes:
        for edge in node.edges:
            earlier = at[edge.name] < at[node.offer.name]
            assert earlier or frozenset((edge.name, node.offer.name)) in together or edge.name == node.offer.name, seed


def test_small_registries_are_solved_or_refuted_as_by_trying_everything() -> None:
    for seed in range(400):
        check(seed)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_ten_thousand_registries_are_solved_or_refuted_as_by_trying_everything() -> None:
    for seed in range(10_000):
        check(seed)


@given(st.integers(min_value=10_000, max_value=2**32))
def test_any_registry_is_solved_or_refuted_as_by_trying_everything(seed: int) -> None:
    check(seed)


def test_each_requirement_of_a_conflict_is_necessary() -> None:
    conflicts = 0
    for seed in range(300):
        wants, offers = made(seed)
        known: dict[str, list[Offer]] = {SDK_NAME: [HOST.sdk()]}
        for one in offers:
            known.setdefault(one.name, []).append(one)
        problem = Compiler(known, HOST).compile(wants)
        decided = refutation.decide(problem)
        if not isinstance(decided, refutation.Refuted):
            continue
        conflicts += 1
        elements = core.minimal(problem, decided.elements)
        assert isinstance(refutation.decide(problem.only(elements)), refutation.Refuted)
        for element in elements:
            rest = [one for one in elements if one != element]
            assert isinstance(refutation.decide(problem.only(rest)), dict), (seed, element)
    assert conflicts > 30


# --- preferences


def chosen(found: Graph | Conflict) -> dict[str, str]:
    assert isinstance(found, Graph), found
    return {node.offer.name: node.offer.version for node in found.nodes}


def test_the_newest_in_range_and_no_pre_release_that_nobody_named() -> None:
    offers = [offer("a", version) for version in ("1.0.0", "1.2.0", "1.10.0", "2.0.0-rc.1", "2.0.0-rc.2")]
    assert chosen(resolve([want("a")], offers, Host())) == {"a": "1.10.0"}
    assert chosen(resolve([want("a", "^2.0.0-rc.1")], offers, Host())) == {"a": "2.0.0-rc.2"}
    assert chosen(resolve([want("a", "2.0.0-rc.1 || ^1")], offers, Host())) == {"a": "2.0.0-rc.1"}


def test_what_is_installed_stays_where_it_will_do() -> None:
    offers = [offer("a", "1.0.0", installed=True), offer("a", "1.1.0"), offer("a", "2.0.0")]
    found = resolve([want("a")], offers, Host())
    assert isinstance(found, Graph)
    assert [(node.offer.version, node.reason) for node in found.nodes] == [("1.0.0", "installed")]
    assert chosen(resolve([want("a", "^1.1")], offers, Host())) == {"a": "1.1.0"}
    assert chosen(resolve([want("a")], offers, Host(), update=["a"])) == {"a": "2.0.0"}


def test_of_the_same_version_what_is_installed_counts_else_the_first() -> None:
    offers = [offer("a", "1.0.0", source="/one"), offer("a", "1.0.0", source="/two")]
    found = resolve([want("a")], offers, Host())
    assert isinstance(found, Graph)
    assert found.nodes[0].offer.source == "/one"
    found = resolve([want("a")], [*offers, offer("a", "1.0.0", source="installed", installed=True)], Host())
    assert isinstance(found, Graph)
    assert found.nodes[0].offer.source == "installed"


def test_an_older_version_is_chosen_where_the_newest_does_not_fit() -> None:
    offers = [*CORE, offer("a", "1.0.0", dependencies={"fx-core": "^1"}), offer("b", "1.0.0")]
    offers.append(offer("b", "2.0.0", dependencies={"fx-core": "^2"}))
    assert chosen(resolve([want("a"), want("b")], offers, Host())) == {"a": "1.0.0", "b": "1.0.0", "fx-core": "1.4.0"}


def test_the_sdk_is_the_host_and_nobody_else() -> None:
    offers = [offer("my-awesome-plugin", "1.0.0", dependencies={SDK_NAME: "^1.0.0"}), offer(SDK_NAME, "1.9.0")]
    found = resolve([want("my-awesome-plugin")], offers, Host())
    assert isinstance(found, Graph)
    assert [(node.offer.name, node.offer.version, node.reason) for node in found.nodes] == [
        (SDK_NAME, "1.0.0", "host"),
        ("my-awesome-plugin", "1.0.0", "newest"),
    ]
    assert found.nodes[1].edges[0].version == "1.0.0"


def test_cycles_resolve_and_come_together() -> None:
    offers = [
        offer("a", "1.0.0", dependencies={"b": "^1", "z": "*"}),
        offer("b", "1.0.0", dependencies={"a": "^1"}),
        offer("z", "1.0.0"),
        offer("self", "1.0.0", dependencies={"self": "^1"}),
    ]
    found = resolve([want("b"), want("self")], offers, Host())
    assert isinstance(found, Graph)
    assert found.cycles == (("a", "b"),)
    assert [node.offer.name for node in found.nodes] == ["z", "a", "b", "self"]


# --- words

NEEDS_TWO = offer("@a/x", "1.2.0", dependencies={"fx-core": "^2"})
NEEDS_ONE = offer("@b/y", "3.0.0", dependencies={"fx-core": "^1"})
CHAIN = [offer("top", "1.0.0", dependencies={"mid": "*"}), offer("mid", "1.0.0", dependencies={"@a/x": "*"}), NEEDS_TWO]
BYSTANDERS = [
    offer("other", "1.0.0", dependencies={"else": "^1"}),
    offer("else", "1.0.0", dependencies={"fx-core": "*"}),
]
SENTENCES = {
    "two plugins": (
        [want("@a/x"), want("other"), want("@b/y")],
        [*CORE, NEEDS_TWO, NEEDS_ONE, *BYSTANDERS],
        "conflict",
        (
            "@a/x 1.2.0 needs fx-core ^2, but @b/y 3.0.0 needs fx-core ^1; "
            "no version satisfies both (there are 2.0.1 and 1.4.0)"
        ),
    ),
    "over others": (
        [want("top"), want("@b/y")],
        [*CORE, *CHAIN, NEEDS_ONE],
        "conflict",
        (
            "@a/x 1.2.0 (needed by top over mid) needs fx-core ^2, but @b/y 3.0.0 needs fx-core ^1; "
            "no version satisfies both (there are 2.0.1 and 1.4.0)"
        ),
    ),
    "several versions": (
        [want("@a/x"), want("fx-core", "^1")],
        [*CORE, NEEDS_TWO, offer("@a/x", "1.1.0", dependencies={"fx-core": "^2.0.1"})],
        "conflict",
        (
            "@a/x needs fx-core ^2 (in 1.2.0) or ^2.0.1 (in 1.1.0), but you asked for fx-core ^1; "
            "no version satisfies both (there are 2.0.1 and 1.4.0)"
        ),
    ),
    "what is installed": (
        [want("@a/x"), want("fx-core", "=1.4.0", holds="is installed")],
        [*CORE, NEEDS_TWO],
        "conflict",
        (
            "@a/x 1.2.0 needs fx-core ^2, but fx-core 1.4.0 is installed; "
            "no version satisfies both (there are 2.0.1 and 1.4.0)"
        ),
    ),
    "each version for another reason": (
        [want("a")],
        [
            offer("a", "2.0.0", dependencies={"b": "^2"}),
            offer("a", "1.0.0", dependencies={"b": "^1"}),
            offer("b", "1.0.0", dependencies={"a": "^2"}),
        ],
        "conflict",
        (
            "a 2.0.0 needs b ^2, but there is only 1.0.0; and b 1.0.0 (needed by a) needs a ^2, but you asked for a; "
            "only 2.0.0 satisfies both (there are 2.0.0 and 1.0.0)"
        ),
    ),
    "a misspelt name": (
        [want("a")],
        [*CORE, offer("a", "1.0.0", dependencies={"fx-cor": "^2"})],
        "missing",
        "a 1.0.0 needs fx-cor ^2, which is nowhere to be found; did you mean fx-core?",
    ),
    "an unknown name": ([want("qqq", "^1")], CORE, "missing", "you asked for qqq ^1, which is nowhere to be found"),
    "no such version": (
        [want("fx-core", "^7")],
        CORE,
        "version",
        "you asked for fx-core ^7, but there are 2.0.1 and 1.4.0",
    ),
    "pre-releases only": (
        [want("a")],
        [offer("a", "1.0.0-rc.1")],
        "version",
        "you asked for a, but there are only pre-releases: 1.0.0-rc.1",
    ),
    "the next SDK": (
        [want("a")],
        [offer("a", "1.0.0", dependencies={SDK_NAME: "^2.0.0"})],
        "host",
        "a 1.0.0 needs @timeline-studio/sdk ^2.0.0, but this host provides 1.0.0",
    ),
    "a newer API": (
        [want("a")],
        [offer("a", "1.0.0", api_version="1.3")],
        "host",
        "you asked for a, but a 1.0.0 is written for plugin API 1.3, and this host implements 1.0",
    ),
    "a newer editor": (
        [want("b")],
        [
            offer("b", "1.0.0", dependencies={"a": "^1"}),
            offer("a", "1.0.0", min_timeline_version="2.0.0"),
            offer("a", "0.9.0"),
        ],
        "host",
        "b 1.0.0 needs a ^1, but a 1.0.0 needs Timeline Studio 2.0.0 or newer, and this is 1.0.0",
    ),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_a_conflict_is_one_sentence(case: str) -> None:
    wants, offers, kind, sentence = SENTENCES[case]
    found = resolve(wants, offers, Host(timeline_version="1.0.0"))
    assert isinstance(found, Conflict)
    assert (found.explanation, found.kind) == (sentence, kind)


def test_a_conflict_is_structured_too() -> None:
    found = resolve([want("@a/x"), want("other"), want("@b/y")], [*CORE, NEEDS_TWO, NEEDS_ONE, *BYSTANDERS], Host())
    assert isinstance(found, Conflict)
    assert [(one.name, one.range, one.by, one.by_versions) for one in found.requirements] == [
        ("@a/x", "*", None, []),
        ("@b/y", "*", None, []),
        ("fx-core", "^2", "@a/x", ["1.2.0"]),
        ("fx-core", "^1", "@b/y", ["3.0.0"]),
    ]
    assert found.available == {"@a/x": ["1.2.0"], "@b/y": ["3.0.0"], "fx-core": ["2.0.1", "1.4.0"]}
    found = resolve([want("fx-cor")], CORE, Host())
    assert isinstance(found, Conflict)
    assert found.suggestions == {"fx-cor": ["fx-core"]}


def test_an_editor_that_nobody_knows_is_not_checked() -> None:
    offers = [offer("a", "1.0.0", min_timeline_version="99.0.0")]
    assert chosen(resolve([want("a")], offers, Host())) == {"a": "1.0.0"}
    assert isinstance(resolve([want("a")], offers, Host(timeline_version="1.0.0")), Conflict)


# --- size


def layered(plugins: int, versions: int, *, seed: int) -> list[Offer]:
    """Plugins that each need some of those after them, in ranges by chance."""
    chance = random.Random(seed)
    kinds = ("^1", "^2", "*", ">=1.1", "1.x || 2.x", "~1.1")
    return [
        offer(
            f"p{number}",
            f"{1 + one // 3}.{one % 3}.0",
            dependencies={
                f"p{chance.randrange(number + 1, plugins)}": chance.choice(kinds)
                for _ in range(chance.randrange(6) if number < plugins - 1 else 0)
            },
        )
        for number in range(plugins)
        for one in range(versions)
    ]


def chain(plugins: int, versions: int) -> list[Offer]:
    """A thousand plugins in a row, of which the last needs another core than the application."""
    numbers = list(itertools.product(range(plugins), range(versions)))
    links = [
        offer(f"p{number}", f"1.{one}.0", dependencies={f"p{number + 1}" if number < plugins - 1 else "core": "^1"})
        for number, one in numbers
    ]
    return [*links, offer("core", "1.0.0"), offer("core", "2.0.0"), offer("app", "1.0.0", dependencies={"core": "^2"})]


@pytest.mark.parametrize("versions", [1, 5])
def test_a_conflict_among_a_thousand_plugins_is_explained_soon(versions: int) -> None:
    began = time.process_time()
    found = resolve([want("p0"), want("app")], chain(1000, versions), Host())
    taken = time.process_time() - began
    print(f"a conflict over 1000 plugins of {versions} versions: {taken:.2f} s of processor time")  # noqa: T201  # shown, not asserted
    assert isinstance(found, Conflict)
    assert found.explanation.startswith("app 1.0.0 needs core ^2, but p999 1.")
    assert taken < 20  # 0.5 s where it was written


@pytest.mark.parametrize("seed", range(3))
def test_a_thousand_plugins_are_solved_soon(seed: int) -> None:
    offers = layered(1000, 6, seed=seed)
    began = time.process_time()
    found = resolve([want(f"p{number}") for number in range(20)], offers, Host())
    taken = time.process_time() - began
    print(f"1000 plugins of 6 versions: {taken:.2f} s of processor time")  # noqa: T201  # shown, not asserted
    assert isinstance(found, Graph)
    assert fits([], [node.offer for node in found.nodes])
    assert taken < 20  # 0.6 s where it was written


def pigeons(holes: int) -> tuple[list[Want], list[Offer]]:
    """One plugin more than there are places: short to state, and very long to refute by trying."""
    offers = []
    for pigeon in range(holes + 1):
        for hole in range(holes):
            others = {f"t{hole}": f"={pigeon + 1}.0.0"}
            offers.append(offer(f"pigeon{pigeon}", f"{hole + 1}.0.0", dependencies=others))
    offers += [offer(f"t{hole}", f"{pigeon + 1}.0.0") for hole in range(holes) for pigeon in range(holes + 1)]
    return [want(f"pigeon{pigeon}") for pigeon in range(holes + 1)], offers


def test_the_worst_case_is_bounded() -> None:
    wants, offers = pigeons(3)
    assert isinstance(found := resolve(wants, offers, Host()), Conflict)
    assert found.kind == "conflict"
    wants, offers = pigeons(12)
    began = time.process_time()
    found = resolve(wants, offers, Host())
    assert isinstance(found, Conflict)
    assert (found.kind, found.requirements) == ("limit", [])
    assert found.explanation == "it took too long to find versions of 25 plugins that fit together"
    assert time.process_time() - began < 40  # 4 s where it was written
