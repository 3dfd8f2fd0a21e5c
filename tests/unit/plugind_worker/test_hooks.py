from plugind_worker.hooks import History


def test_hooks_that_hold_are_replayed_in_order() -> None:
    history = History()
    for name in (b"lifecycle.load", b"lifecycle.activate", b"main", b"event"):
        history.forget(name)
        history.remember(name, b"1")
    assert [name for name, _ in history] == [b"lifecycle.load", b"lifecycle.activate", b"main"]


def test_a_hook_called_again_counts_once_with_its_last_params() -> None:
    history = History()
    history.remember(b"lifecycle.activate", b"1")
    history.remember(b"main", b"2")
    history.remember(b"lifecycle.activate", b"3")
    assert list(history) == [(b"main", b"2"), (b"lifecycle.activate", b"3")]


def test_deactivating_takes_back_activate_and_main() -> None:
    history = History()
    for name in (b"lifecycle.load", b"lifecycle.activate", b"main"):
        history.remember(name, b"null")
    history.forget(b"lifecycle.deactivate")
    assert [name for name, _ in history] == [b"lifecycle.load"]


def test_unloading_takes_everything_back() -> None:
    history = History()
    for name in (b"lifecycle.load", b"lifecycle.activate"):
        history.remember(name, b"null")
    history.forget(b"lifecycle.unload")
    assert list(history) == []
