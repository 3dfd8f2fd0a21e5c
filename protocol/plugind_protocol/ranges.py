"""Version ranges of ``dependencies``, with exactly the meaning npm gives them.

A range is alternatives joined by ``||``; each is comparators that must all hold: ``^1.2 ~1.2.3 1.x >=1 <2.0.0-rc.1
1.0 - 2.3``. A pre-release matches only where a comparator names a pre-release of the same MAJOR.MINOR.PATCH. Which
version to choose among those that match is the resolver's affair.

What was parsed once is remembered, and versions are compared by `key`: a range is asked about thousands of versions.
"""

import functools
import operator
import re
from collections.abc import Callable
from typing import Final

import msgspec
import semver

MAX_RANGE_LENGTH: Final = 1024
"""Longest range in characters."""
MAX_VERSION_LENGTH: Final = 256
"""Longest version in characters."""
MAX_NUMBER: Final = 2**53 - 1
"""Largest MAJOR, MINOR or PATCH: what every JSON reader holds exactly."""

_NUMBER: Final = r"(?:0|[1-9][0-9]*)"
_X: Final = rf"({_NUMBER}|[xX*])"
_WORD: Final = rf"(?:[0-9]*[a-zA-Z-][a-zA-Z0-9-]*|{_NUMBER})"
_PRE: Final = rf"(?:-({_WORD}(?:\.{_WORD})*))"
_PARTIAL: Final = rf"[v= ]*{_X}(?:\.{_X}(?:\.{_X}{_PRE}?)?)?"
_OP: Final = r"([<>]?=?)"

_BUILD: Final = re.compile(r"\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*")
_HYPHEN: Final = re.compile(rf"({_PARTIAL}) +- +({_PARTIAL})")
_CARET: Final = re.compile(rf"\^{_PARTIAL}")
_TILDE: Final = re.compile(rf"~>?{_PARTIAL}")
_PRIMITIVE: Final = re.compile(rf"{_OP}{_PARTIAL}")
_EXACT: Final = re.compile(rf"{_OP}v?({_NUMBER})\.({_NUMBER})\.({_NUMBER}){_PRE}?")
_GAP_AFTER_OP: Final = re.compile(r"(?<![v=<>])([<>]=?|=) ([v= ]*[0-9xX*])")
_GAP_AFTER_TILDE: Final = re.compile(r"(?:~>?) ")
_STAR: Final = re.compile(r"[<>]?=? ?\*")

_TAG: Final = re.compile(r"[a-zA-Z]{2}[a-zA-Z0-9._-]*")
_ELSEWHERE: Final = re.compile(r"[a-z][a-z+]*:.*")

_SHORT: Final = 64
"""Characters of texts that are remembered: what is longer is nobody's honest range, and would fill memory."""

Key = tuple[int, int, int, bool, tuple[tuple[int, float, str], ...]]
"""MAJOR, MINOR, PATCH, whether it is a release, and the parts of the pre-release: numbers first, then words."""

_COMPARE: Final[dict[str, Callable[[Key, Key], bool]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_Parts = tuple[str | None, ...]
"""Major, minor, patch and pre-release as written; missing or ``x`` means any."""


class Comparator(msgspec.Struct, frozen=True):
    """One condition on a version."""

    op: str
    """One of ``= < <= > >=``."""
    version: semver.Version
    key: Key
    """Of the version."""

    def matches(self, version: semver.Version) -> bool:
        """Whether ``version`` stands in this relation to ours; pre-releases are ordered, not excluded."""
        return self.admits(key(version))

    def admits(self, key: Key) -> bool:
        """As `matches`, for the key of a version."""
        return _COMPARE[self.op](key, self.key)

    def __str__(self) -> str:
        return f"{self.op.removeprefix('=')}{self.version}"


class Range(msgspec.Struct, frozen=True):
    """A parsed range."""

    text: str
    """As it was written."""
    alternatives: tuple[tuple[Comparator, ...], ...]
    """One of these must hold; an empty one holds for every release."""

    def matches(self, version: semver.Version) -> bool:
        """Whether ``version`` satisfies the range.

        Args:
            version: Any version; its build metadata plays no part.
        """
        return self.admits(key(version))

    def admits(self, key: Key) -> bool:
        """As `matches`, for the key of a version."""
        return any(_holds(alternative, key) for alternative in self.alternatives)

    def __str__(self) -> str:
        return self.text


def key(version: semver.Version) -> Key:
    """Return what versions are ordered by: the precedence of Semantic Versioning, as npm computes it.

    Args:
        version: Any version; its build metadata plays no part.
    """
    words = str(version.prerelease).split(".") if version.prerelease else ()
    # npm compares numbers as JavaScript has them: beyond 2**53 some are equal that do not look so
    parts = tuple((0, float(word), "") if word.isdecimal() else (1, 0.0, word) for word in words)
    return version.major, version.minor, version.patch, not parts, parts


def parse(text: str) -> Range:
    """Parse a range.

    Args:
        text: At most `MAX_RANGE_LENGTH` ASCII characters. Empty means any release.

    Returns:
        The range.

    Raises:
        ValueError: It is not a range; the message names the part that is not.
    """
    if len(text) > MAX_RANGE_LENGTH or not text.isascii():
        raise ValueError(f"a version range has at most {MAX_RANGE_LENGTH} ASCII characters")
    return _parse_remembered(text) if len(text) <= _SHORT else _parse(text)


def _parse(text: str) -> Range:
    words = " ".join(text.split())
    alternatives = tuple(_alternative(part.strip()) for part in words.split("||"))
    if () in alternatives:  # anything goes: then no alternative adds pre-releases either
        alternatives = ((),)
    return Range(text, alternatives)


def parse_version(text: str) -> semver.Version:
    """Parse a version as strictly as npm does.

    Args:
        text: MAJOR.MINOR.PATCH, optionally a pre-release and build metadata; at most `MAX_VERSION_LENGTH` characters,
            each number at most `MAX_NUMBER`.

    Returns:
        The version.

    Raises:
        ValueError: It is none.
    """
    if len(text) > MAX_VERSION_LENGTH or not text.isascii() or not semver.Version.is_valid(text):
        raise ValueError(f"{text[:MAX_VERSION_LENGTH]!r} is not a semantic version (MAJOR.MINOR.PATCH)")
    return _version_remembered(text) if len(text) <= _SHORT else _version(text)


def is_version(text: str) -> bool:
    """Whether a text is a version, as `parse_version` takes them."""
    try:
        parse_version(text)
    except ValueError:
        return False
    return True


def _version(text: str) -> semver.Version:
    version = semver.Version.parse(text)
    _check_version(version)
    return version


_parse_remembered: Final = functools.lru_cache(maxsize=4096)(_parse)
_version_remembered: Final = functools.lru_cache(maxsize=4096)(_version)


def _holds(alternative: tuple[Comparator, ...], key: Key) -> bool:
    for comparator in alternative:
        if not _COMPARE[comparator.op](key, comparator.key):
            return False
    released = key[3]
    return released or any(not other.key[3] and other.key[:3] == key[:3] for other in alternative)


def _alternative(text: str) -> tuple[Comparator, ...]:
    text = _BUILD.sub("", text)
    if hyphen := _HYPHEN.fullmatch(text):
        low, high = hyphen.group(1), hyphen.group(6)
        return _from(low, hyphen.group(2, 3, 4, 5)) + _to(high, hyphen.group(7, 8, 9, 10))
    text = _GAP_AFTER_OP.sub(r"\1\2", text)
    text = _GAP_AFTER_TILDE.sub("~", text).replace("^ ", "^")
    return tuple(comparator for word in text.split(" ") for comparator in _word(word))


def _word(word: str) -> tuple[Comparator, ...]:
    for pattern, desugar in ((_CARET, _caret), (_TILDE, _tilde)):
        if match := pattern.fullmatch(word):
            return desugar(match.groups())
    if match := _PRIMITIVE.fullmatch(word):
        parts = match.group(2, 3, 4, 5)
        major, minor, patch, _ = parts
        misplaced = (_any(major) and not _any(minor)) or (_any(minor) and not _any(patch))
        if _any(patch) and not misplaced:
            return _partial(match.group(1), parts)
    return _exact(_STAR.sub("", word, count=1))


def _exact(word: str) -> tuple[Comparator, ...]:
    """A full version with its operator; ``>=0.0.0`` and nothing at all exclude no release."""
    if word in ("", ">=0.0.0"):
        return ()
    match = _EXACT.fullmatch(word)
    if match is None:
        raise ValueError(f"{word!r} {_fault(word)}")
    op, major, minor, patch, prerelease = match.groups()
    return (_comparator(op or "=", int(major), int(minor), int(patch), prerelease),)


def _fault(word: str) -> str:
    """Say what a word is that is not part of a range."""
    if _ELSEWHERE.fullmatch(word):
        return "says where to get a plugin; give the range of its versions, such as ^1.2.0"
    if _TAG.fullmatch(word):
        return "is a tag, not versions; give a range such as ^1.2.0, or * for the newest"
    return "is not part of a version range"


def _partial(op: str, parts: _Parts) -> tuple[Comparator, ...]:
    """``1.x``, ``>1``, ``<=2.3``: an operator on a version with open places."""
    major, minor, *_ = parts
    if _any(major):
        return (_comparator("<", 0, 0, 0, "0"),) if op in ("<", ">") else ()
    low = (_number(major), 0 if _any(minor) else _number(minor))
    after = (low[0] + 1, 0) if _any(minor) else (low[0], low[1] + 1)
    if op in ("", "="):
        return (*_at_least(*low, 0), _comparator("<", *after, 0, "0"))
    if op == ">":
        return _at_least(*after, 0)
    if op == ">=":
        return _at_least(*low, 0)
    return (_comparator("<", *(after if op == "<=" else low), 0, "0"),)


def _caret(parts: _Parts) -> tuple[Comparator, ...]:
    """Changes nothing left of the first digit that is not zero."""
    major, minor, patch, prerelease = parts
    if _any(major):
        return ()
    numbers = (_number(major), _number(minor), 0 if _any(minor) else _number(patch))
    if numbers[0] > 0 or _any(minor):
        after = (numbers[0] + 1, 0, 0)
    elif numbers[1] > 0 or _any(patch):
        after = (0, numbers[1] + 1, 0)
    else:
        after = (0, 0, numbers[2] + 1)
    return (*_at_least(*numbers, _kept(parts, prerelease)), _comparator("<", *after, "0"))


def _tilde(parts: _Parts) -> tuple[Comparator, ...]:
    """Patches only; minor versions where no minor is given."""
    major, minor, patch, prerelease = parts
    if _any(major):
        return ()
    numbers = (_number(major), _number(minor), 0 if _any(minor) else _number(patch))
    after = (numbers[0] + 1, 0, 0) if _any(minor) else (numbers[0], numbers[1] + 1, 0)
    return (*_at_least(*numbers, _kept(parts, prerelease)), _comparator("<", *after, "0"))


def _from(text: str, parts: _Parts) -> tuple[Comparator, ...]:
    """Lower end of a hyphen range."""
    major, minor, patch, _ = parts
    if _any(major):
        return ()
    if _any(minor) or _any(patch):
        return _at_least(_number(major), _number(minor), 0)
    return _exact(f">={text}")


def _to(text: str, parts: _Parts) -> tuple[Comparator, ...]:
    """Upper end of a hyphen range: all that an incomplete version stands for is inside."""
    major, minor, patch, prerelease = parts
    if _any(major):
        return ()
    if _any(minor):
        return (_comparator("<", _number(major) + 1, 0, 0, "0"),)
    if _any(patch):
        return (_comparator("<", _number(major), _number(minor) + 1, 0, "0"),)
    if prerelease:
        return (_comparator("<=", _number(major), _number(minor), _number(patch), prerelease),)
    return _exact(f"<={text}")


def _kept(parts: _Parts, prerelease: str | None) -> str | None:
    return None if any(map(_any, parts[:3])) else prerelease


def _at_least(major: int, minor: int, patch: int, prerelease: str | None = None) -> tuple[Comparator, ...]:
    if (major, minor, patch, prerelease) == (0, 0, 0, None):
        return ()
    return (_comparator(">=", major, minor, patch, prerelease),)


def _any(part: str | None) -> bool:
    return part is None or part in "xX*"


def _number(part: str | None) -> int:
    return 0 if part is None or part in "xX*" else int(part)


def _comparator(op: str, major: int, minor: int, patch: int, prerelease: str | None = None) -> Comparator:
    version = semver.Version(major, minor, patch, prerelease)
    _check_version(version)
    return Comparator(op, version, key(version))


def _check_version(version: semver.Version) -> None:
    if len(str(version)) > MAX_VERSION_LENGTH:
        raise ValueError(f"a version has at most {MAX_VERSION_LENGTH} characters")
    if max(version.major, version.minor, version.patch) > MAX_NUMBER:
        raise ValueError(f"a number of a version is over {MAX_NUMBER}")
