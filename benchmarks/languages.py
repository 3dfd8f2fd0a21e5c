"""One effect in each language that plugins are written in: the specification's blur, as the SDKs' examples have it.

tests/integration/test_same_pixels.py says that all of them make the same pixels.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from benchmarks.findings import Finding, Row
from benchmarks.measure import Candidate, alternate, request
from benchmarks.plugins import ROOT
from benchmarks.setting import Hosted, Setting, daemon


class Language(NamedTuple):
    """The effect ``custom-blur`` in one language, with a parameter ``radius``: written as one writes it there."""

    plugin: str
    """Folder of the plugin, relative to the project's; built, it holds the module."""
    id: str
    """Of the plugin."""
    main: str
    """What is there once it is built, relative to the plugin's folder."""
    made_by: str
    """The target of make that builds it."""
    sources: tuple[str, ...]
    """Folders of what it is made of; none where nothing is built."""


BLURS: Final[dict[str, Language]] = {
    "Rust": Language(
        plugin="sdk/rust/examples/custom-blur",
        id="custom-blur",
        main="plugin.wasm",
        made_by="sdk-rust",
        sources=("sdk/rust/examples/custom-blur/src", "sdk/rust/timeline-studio-sdk/src"),
    ),
    "AssemblyScript": Language(
        plugin="sdk/assemblyscript/examples/custom-blur",
        id="custom-blur-as",
        main="plugin.wasm",
        made_by="sdk-assemblyscript",
        sources=("sdk/assemblyscript/examples/custom-blur/assembly", "sdk/assemblyscript/package/assembly"),
    ),
    "TypeScript": Language(
        plugin="sdk/typescript/examples/custom-blur",
        id="custom-blur-ts",
        main="index.ts",
        made_by="sdk-typescript",
        sources=(),
    ),
}
"""By name, as tables show it; the first is what the others are compared with."""

WIDTH, HEIGHT = 1920, 1080
RADIUS: Final = 5.0


def languages(setting: Setting) -> Iterator[Finding]:
    """Measure the blur of a 1080p frame in each language that is built."""
    built = {name: one for name, one in BLURS.items() if (ROOT / one.plugin / one.main).exists()}
    with daemon(*(one.plugin for one in built.values())) as hosted:
        candidates = {name: _candidate(hosted, one) for name, one in built.items()}
        found = alternate(candidates, rounds=8 if setting.part == 1 else 4, runs=setting.runs(4), warm_up=2)
    first, *_ = BLURS
    for name, one in BLURS.items():
        key, what = f"languages.{name.lower()}", f"`effects.process`, 1080p RGBA8, blur of radius 5, in {name}: p50"
        if name not in found:
            yield Row(key=key, what=what, missing=f"it is not built: run make {one.made_by}")
            continue
        row = Row(key=key, what=what, value=found[name].p50 / 1000, unit="ms", p99=found[name].p99 / 1000)
        peer = found.get(first) if name != first else None
        yield row if peer is None else _beside(row, first, peer.p50 / 1000)


def _beside(row: Row, first: str, peer: float) -> Row:
    assert row.value is not None
    return Row(
        key=row.key,
        what=row.what,
        value=row.value,
        unit=row.unit,
        p99=row.p99,
        against=f"the same in {first}",
        peer=peer,
        ratio=row.value / peer,
    )


def _candidate(hosted: Hosted, language: Language) -> Candidate:
    opened: Any = hosted.lines.ask("frames.open", {"pluginId": language.id, "width": WIDTH, "height": HEIGHT})
    frame = {"windowId": opened["windowId"], "input": 0, "output": 1}
    asked = {"pluginId": language.id, "effectId": "custom-blur", "frame": frame, "params": {"radius": RADIUS}}
    hosted.lines.ask("effects.process", asked)
    line = request("effects.process", asked)
    return lambda: hosted.lines.exchange(line)
