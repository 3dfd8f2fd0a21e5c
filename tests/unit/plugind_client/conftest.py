from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.peer import Peer, peer


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Peer]:
    with peer(tmp_path / "d.sock") as scripted:
        yield scripted
