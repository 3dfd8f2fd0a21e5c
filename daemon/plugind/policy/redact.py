"""What of a plugin's payloads and messages may be kept: finds secrets in JSON text and in words. Pure.

A scanner, not a parser: it looks at no more than what is kept, so that its cost does not depend on the payload, and it
finds a key as well in text that was cut, is damaged, or names a key twice. What it leaves alone stays byte for byte.
"""

import fnmatch
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from plugind_protocol.capsule import REDACTED, Payload

_ANYWHERE: Final = re.compile(
    r"token|passw|passphrase|passcode|secret|credential|authori[sz]ation|cookie|api_?-?key|private_?-?key|access_?-?key",
    re.IGNORECASE,
)
"""In any part of a key, these say that its value is nobody's business."""
_WORDS: Final = frozenset(
    ("pwd", "pw", "pass", "auth", "bearer", "jwt", "otp", "pin", "signature", "session", "sessionid")
)
"""As a whole word of a key."""
_LAST_WORDS: Final = frozenset(("key", "keys"))
"""As its last word: ``api_key`` and ``key``, but not ``keyFrames``."""
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_SHAPES: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"
    r"|\b(?:[Bb]earer|[Bb]asic)\s+[A-Za-z0-9._~+/=-]{6,}"
    r"|\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-|sk_live_|rk_live_)[A-Za-z0-9_-]{10,}",
    re.DOTALL,
)
"""Values that tell by their looks what they are."""
_USERINFO: Final = re.compile(r"(?<=://)[^/\s:@\"']*:[^/\s@\"']+(?=@)")
_ASSIGNED: Final = re.compile(
    r"(?<![\w.-])(?P<key>[\w.-]++)(?P<is>[\\\"']{0,4}\s{0,4}(?:=>|[:=])\s{0,4})(?P<quote>[\\\"']{0,4})"
)
"""``key=``, ``key: `` and ``\\"key\\":`` in words; what follows is looked at by hand."""
_BARE: Final = re.compile(r"[^\s&;,\"'\\}\])>]+")
_SCHEMES: Final = re.compile(r"(?:[Bb]earer|[Bb]asic|[Dd]igest|[Tt]oken)\s+")

_TOKEN: Final = re.compile(r'"|[{}\[\]:,]|[^\s"{}\[\]:,]+')
_OPENERS: Final = ("{", "[", '"')
"""What JSON begins with, where it can hold a secret; guests may send other texts too."""
_SHORTEST: Final = 6
"""Characters of a secret that is looked for elsewhere; shorter ones are found by their keys only."""
_UNLIKELY: Final = re.compile(r"(?=.*[A-Za-z])(?=.*\d).{12,}", re.DOTALL)
"""What stands under a key that need not mean a secret is looked for elsewhere only if it looks like one."""
_KNOWN: Final = 256
_MARGIN: Final = 512
"""Bytes looked at beyond those kept, so that nothing recognisable is cut in two."""


class Redactor:
    """Takes secrets out of what goes into one capsule, and remembers them, so that `scrub` finds them elsewhere.

    Args:
        patterns: Further keys whose values are secret, as shell patterns; upper and lower case are the same.
        homes: Home folders of the user; each becomes ``~``.
    """

    def __init__(self, patterns: Sequence[str] = (), *, homes: Iterable[str] = ()) -> None:
        self._patterns = [re.compile(fnmatch.translate(pattern.lower())) for pattern in patterns]
        found = sorted({home.rstrip("/") for home in homes} - {""}, key=len, reverse=True)
        self._homes = re.compile(f"(?:{'|'.join(map(re.escape, found))})(?![\\w.-])") if found else None
        self._known: set[str] = set()

    def payload(self, data: bytes, *, keep: int, hide: bool = False, size: int | None = None) -> Payload:
        """Take secrets out of a JSON text.

        Args:
            data: The text, or its beginning.
            keep: Bytes of it that are kept at most.
            hide: All of it is secret.
            size: Bytes of the whole text, where ``data`` is only its beginning.

        Returns:
            What may be kept.
        """
        whole = len(data) if size is None else size
        if hide or not data:
            if hide:
                self._learn_all(data[: keep + _MARGIN].decode(errors="ignore"), sure=True)
            return Payload(text="", size=whole, redacted=hide)
        head = data[: keep + _MARGIN]
        text = _decode(head, partial=len(head) < whole)
        if text is None:
            return Payload(text="", size=whole, redacted=True)
        clean = "".join(self._json(text)) if text.lstrip()[:1] in _OPENERS else self.text(text)
        redacted = clean != text
        kept = clean.encode()
        cut = whole > len(head) or len(kept) > keep
        if cut:
            kept = kept[:keep]
        digest = hashlib.sha256(data).hexdigest() if cut and not redacted and len(data) == whole else None
        return Payload(text=kept.decode(errors="ignore"), size=whole, sha256=digest, cut=cut, redacted=redacted)

    def text(self, words: str) -> str:
        """Take secrets out of words: ``key=value``, ``key: value``, JSON, known shapes, home folders."""
        return self._homeless(_SHAPES.sub(REDACTED, _USERINFO.sub(REDACTED, self._assignments(words))))

    def scrub(self, words: str) -> str:
        """Take out the secrets that were found so far, wherever they stand; call it when all has been looked at."""
        for secret in sorted(self._known, key=len, reverse=True):
            if secret in words:
                words = words.replace(secret, REDACTED)
            escaped = json.dumps(secret)[1:-1]
            if escaped != secret and escaped in words:
                words = words.replace(escaped, REDACTED)
        return words

    def scrubbed(self, payload: Payload) -> Payload:
        """`scrub` a payload."""
        clean = self.scrub(payload.text)
        return (
            payload
            if clean == payload.text
            else msgspec.structs.replace(payload, text=clean, redacted=True, sha256=None)
        )

    def secret(self, key: str) -> bool:
        """Whether the value of a key is secret."""
        if self._sure(key):
            return True
        words = [word.lower() for word in _WORD.findall(key)]
        return bool(words) and (words[-1] in _LAST_WORDS or not _WORDS.isdisjoint(words))

    def _sure(self, key: str) -> bool:
        return _ANYWHERE.search(key) is not None or any(one.match(key.lower()) for one in self._patterns)

    # --- JSON -------------------------------------------------------------------------------------------------

    def _json(self, text: str) -> Iterator[str]:
        at = 0
        while (found := _TOKEN.search(text, at)) is not None:
            yield text[at : found.start()]
            at = found.end()
            if found.group() != '"':
                yield self.text(found.group())
                continue
            string = _string(text, found.start())
            at = found.start() + len(string)
            colon = _colon(text, at)
            yield self._quoted(string)
            if colon is not None and self.secret(_unquote(string)):
                yield text[at:colon]
                at = _end_of_value(text, colon)
                self._learn_all(text[colon:at], sure=self._sure(_unquote(string)))
                yield f' "{REDACTED}"' if text[colon:at].startswith(" ") else f'"{REDACTED}"'
        yield text[at:]

    def _quoted(self, string: str) -> str:
        inner = _unquote(string)
        clean = self.text(inner)
        if clean == inner:
            return string
        return json.dumps(clean) if string.endswith('"') and len(string) > 1 else json.dumps(clean)[:-1]

    def _learn_all(self, text: str, *, sure: bool) -> None:
        """Remember every string of a secret JSON text, so that it is found elsewhere too."""
        at = 0
        while (start := text.find('"', at)) >= 0:
            string = _string(text, start)
            at = start + len(string)
            if _colon(text, at) is None:
                self._learn(_unquote(string), sure=sure)

    def _learn(self, value: str, *, sure: bool) -> None:
        likely = len(value) >= _SHORTEST if sure else _UNLIKELY.fullmatch(value) is not None
        if likely and value != REDACTED and len(self._known) < _KNOWN:
            self._known.add(value)

    # --- words ------------------------------------------------------------------------------------------------

    def _assignments(self, words: str) -> str:
        parts = []
        at = 0
        for found in _ASSIGNED.finditer(words):
            if found.start() < at or not self.secret(found["key"]):
                continue
            end = self._end_of_words(words, found.end(), found["quote"])
            if end > found.end():
                self._learn(words[found.end() : end], sure=self._sure(found["key"]))
                parts += [words[at : found.end()], REDACTED]
                at = end
        return "".join([*parts, words[at:]])

    @staticmethod
    def _end_of_words(words: str, start: int, quote: str) -> int:
        if quote:
            end = words.find(quote, start)
            return len(words) if end < 0 else end
        if words[start : start + 1] in ("{", "["):
            return _end_of_value(words, start)
        scheme = _SCHEMES.match(words, start)
        bare = _BARE.match(words, scheme.end() if scheme is not None else start)
        return bare.end() if bare is not None else start

    def _homeless(self, words: str) -> str:
        return self._homes.sub("~", words) if self._homes is not None else words


def _decode(data: bytes, *, partial: bool) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        if partial and exc.start >= len(data) - 3:  # the cut went through a character
            return data[: exc.start].decode()
        return None


def _string(text: str, start: int) -> str:
    """Return the string that begins at a quote, the quotes included; to the end where it does not end."""
    at = start + 1
    while (end := text.find('"', at)) >= 0:
        before = end - 1
        while before > start and text[before] == "\\":
            before -= 1
        if (end - before) % 2:  # an even number of backslashes
            return text[start : end + 1]
        at = end + 1
    return text[start:]


def _unquote(string: str) -> str:
    try:
        value = json.loads(string if len(string) > 1 and string.endswith('"') else f'{string}"', strict=False)
    except ValueError:
        return string.strip('"')
    return value if isinstance(value, str) else string


def _colon(text: str, at: int) -> int | None:
    """Return the place behind the colon that follows, if one does."""
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at + 1 if at < len(text) and text[at] == ":" else None


def _end_of_value(text: str, at: int) -> int:
    """Return where a JSON value ends that begins here; the end of the text where it does not."""
    depth = 0
    while (found := _TOKEN.search(text, at)) is not None:
        mark, at = found.group(), found.end()
        if mark == '"':
            at = found.start() + len(_string(text, found.start()))
        elif mark in "{[":
            depth += 1
        elif mark in "}]":
            depth -= 1
        elif mark in ":,":
            if depth == 0:
                return found.start()
            continue
        if depth < 0:
            return found.start()
        if depth == 0:
            return at
    return len(text)
