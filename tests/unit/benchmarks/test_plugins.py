import json

from benchmarks.plugins import PROBE, copies


def test_copies_have_names_of_their_own() -> None:
    with copies(PROBE, 2) as folders:
        manifests = [json.loads((folder / "manifest.json").read_text()) for folder in folders]
        assert [manifest["name"] for manifest in manifests] == ["probe-0", "probe-1"]
        assert all((folder / manifest["main"]).exists() for folder, manifest in zip(folders, manifests, strict=True))
    assert not folders[0].exists()
