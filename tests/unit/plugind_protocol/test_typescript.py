"""The TypeScript types of the host API: nothing of the table is missing, and what can be left out can be left out."""

import re

from plugind_protocol.errors import BY_CODE
from plugind_protocol.host import HOST_METHODS, typescript
from plugind_protocol.permissions import NAMES

SOURCE = typescript.source()


def interface(name: str) -> str:
    found = re.search(rf"interface {name} {{(.*?)^}}", SOURCE, re.DOTALL | re.MULTILINE)
    assert found is not None, name
    return found[1]


def test_each_method_has_its_params_and_result() -> None:
    methods = interface("HostMethods")
    for row in HOST_METHODS.values():
        assert f'"{row.name}": {{ params: ' in methods
        assert f'"{row.name}"' in SOURCE.partition("HOST_METHODS: ")[2].partition(";")[0]
    assert '"timeline.addClip": { params: AddClip; result: ClipAdded };' in methods
    assert '"timeline.removeClip": { params: ClipId; result: null };' in methods
    assert '"storage.clear": { params: Record<string, never>; result: null };' in methods


def test_each_code_and_permission_has_its_name() -> None:
    for code, cls in BY_CODE.items():
        assert f"  {cls.__name__}: {code},\n" in SOURCE
    for name in NAMES:
        assert f'  | "{name}"' in SOURCE


def test_what_may_be_left_out_may_be_left_out() -> None:
    assert "  source: string;\n" in interface("NewClip")
    assert "  sourceStart?: number;\n" in interface("NewClip")
    assert '  dock?: "bottom" | "floating" | "left" | "right";\n' in interface("CreatePanel")
    assert "  button: string | null;\n" in interface("DialogResult")
    assert "  effect: string | NewEffect;\n" in interface("ApplyToClip")
    assert "  value: unknown;\n" in interface("SetValue")
    assert "  limits?: ManifestLimits;\n" in interface("PluginManifest")


def test_every_type_that_is_named_is_there() -> None:
    named = set(re.findall(r"[:|<(] ([A-Z]\w+)", SOURCE))
    there = set(re.findall(r"export (?:interface|type) (\w+)", SOURCE)) | {"Record"}
    assert named <= there, named - there
