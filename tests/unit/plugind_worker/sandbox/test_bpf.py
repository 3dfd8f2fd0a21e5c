import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.plugind_worker.sandbox.machine import run

from plugind_worker.sandbox.linux.bpf import ALLOW, KILL, Match, Rule, assemble, fail, put

ARCHITECTURE = 7
EPERM = fail(1)
WORDS = st.integers(0, 2**64 - 1)


def outcome(rules: list[Rule], number: int, *arguments: int, above: int | None = None) -> int:
    program = assemble(rules, architecture=ARCHITECTURE, otherwise=EPERM, above=above)
    return run(program, architecture=ARCHITECTURE, number=number, arguments=arguments)


def test_rules_by_number() -> None:
    rules = [Rule(3, ALLOW), Rule(5, KILL), Rule(9, fail(38))]
    assert [outcome(rules, number) for number in (3, 5, 9, 4, 0)] == [ALLOW, KILL, fail(38), EPERM, EPERM]


def test_another_architecture_ends_the_process() -> None:
    program = assemble([Rule(3, ALLOW)], architecture=ARCHITECTURE, otherwise=EPERM)
    assert run(program, architecture=8, number=3) == KILL


def test_numbers_of_another_convention_end_the_process() -> None:
    rules = [Rule(3, ALLOW)]
    assert outcome(rules, 3, above=100) == ALLOW
    assert outcome(rules, 99, above=100) == EPERM
    assert outcome(rules, 100, above=100) == KILL
    assert outcome(rules, 103, above=100) == KILL


@given(value=WORDS, mask=WORDS, argument=st.integers(0, 5), given_=WORDS)
def test_a_match_compares_what_its_mask_shows(value: int, mask: int, argument: int, given_: int) -> None:
    arguments = [0] * 6
    for tried in (given_, (value & mask) | (given_ & ~mask)):
        arguments[argument] = tried
        expected = ALLOW if tried & mask == value & mask else EPERM
        assert outcome([Rule(3, ALLOW, [Match(argument, value & mask, mask)])], 3, *arguments) == expected


@given(first=st.tuples(WORDS, WORDS), second=st.tuples(WORDS, WORDS), given_=st.tuples(WORDS, WORDS))
def test_alternatives_and_what_follows_them(
    first: tuple[int, int], second: tuple[int, int], given_: tuple[int, int]
) -> None:
    rules = [
        Rule(3, ALLOW, [Match(0, first[0]), Match(1, first[1])]),
        Rule(3, KILL, [Match(0, second[0]), Match(1, second[1])]),
        Rule(4, ALLOW),
    ]
    for tried in (first, second, given_):
        expected = ALLOW if tried == first else KILL if tried == second else EPERM
        assert outcome(rules, 3, *tried) == expected
        assert outcome(rules, 4, *tried) == ALLOW


def test_rules_of_one_number_must_stand_together() -> None:
    with pytest.raises(ValueError, match="together"):
        assemble([Rule(3, ALLOW, [Match(0, 1)]), Rule(4, ALLOW), Rule(3, KILL)], architecture=1, otherwise=EPERM)


def test_a_value_is_put_in_place_of_the_one_that_stands_for_it() -> None:
    rules = [Rule(1, ALLOW, [Match(0, 7777, 0xFFFFFFFF)]), Rule(2, ALLOW)]
    expected = [Rule(1, ALLOW, [Match(0, 42, 0xFFFFFFFF)]), Rule(2, ALLOW)]
    program, wanted = (assemble(each, architecture=5, otherwise=KILL) for each in (rules, expected))
    assert put(program, 42, for_=7777) == wanted


@pytest.mark.parametrize("matches", [[], [Match(0, 7777, 0xFFFFFFFF), Match(1, 7777, 0xFFFFFFFF)]])
def test_a_value_that_is_not_there_once_is_put_nowhere(matches: list[Match]) -> None:
    program = assemble([Rule(1, ALLOW, matches)], architecture=5, otherwise=KILL)
    with pytest.raises(ValueError, match=f"compares {len(matches)} times"):
        put(program, 42, for_=7777)
