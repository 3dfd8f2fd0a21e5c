"""What the name of a plugin becomes in a manifest, a crate, a package and for people. Pure."""

import re
from typing import Final

import msgspec

from pluginctl.failure import CommandFailed
from plugind_protocol import manifest as manifests
from plugind_protocol.errors import ManifestInvalid

_WORDS: Final = re.compile(r"[a-z0-9]+")
_HINT: Final = (
    "Lower case letters and digits, with . _ - between them; before it, if you like, a scope: @studio/film-look"
)


class Names(msgspec.Struct, frozen=True):
    """One plugin's names; a template names them in double braces."""

    name: str
    """Its id, as in the manifest."""
    folder: str
    """Of the folder that is made."""
    title: str
    """For people."""
    effect: str
    """What the SDKs make of the title: the id of an effect of this name."""
    crate: str
    """Of a Rust crate, or an npm package."""


def names(name: str) -> Names:
    """Derive all names from one.

    Args:
        name: The plugin's id.

    Raises:
        CommandFailed: It cannot be one.
    """
    try:
        manifests.parse(msgspec.json.encode({"name": name, "version": "1.0.0", "main": "plugin.wasm"}))
    except ManifestInvalid as exc:
        problem = exc.message.removeprefix("manifest.json: $.name ")
        raise CommandFailed(f"{name!r} cannot be a plugin's name: it {problem}", hint=_HINT) from exc
    last = name.rpartition("/")[2]
    words = _WORDS.findall(last)
    crate = "-".join(words)
    return Names(
        name=name,
        folder=last,
        title=" ".join(word.capitalize() for word in words),
        effect=crate,
        crate=f"plugin-{crate}" if crate[0].isdigit() else crate,
    )
