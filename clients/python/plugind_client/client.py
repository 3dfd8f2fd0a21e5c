"""The client for programs without an event loop: the same names, each call blocks."""

import contextlib
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError as Cancelled
from contextlib import contextmanager
from typing import Any, Concatenate, Final, Generic, Literal, ParamSpec, Self, TypeVar, overload

import anyio
import anyio.to_thread
from anyio.from_thread import BlockingPortal, start_blocking_portal

from plugind_client.async_client import AsyncClient
from plugind_client.link import LinkChanged, Reconnect
from plugind_client.notifications import DEFAULT_CAPACITY, Notifications
from plugind_client.provider import HostProvider
from plugind_protocol import methods as m

P = ParamSpec("P")
T = TypeVar("T")

BlockingHandler = Callable[[str, Any], Any]
"""``handler(method, params)``, run in a thread of its own."""


def _blocking(method: Callable[Concatenate[AsyncClient, P], Awaitable[T]]) -> Callable[Concatenate["Client", P], T]:
    """Turn a coroutine method of `AsyncClient` into the method of `Client` that waits for it."""

    def call(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        async def run() -> T:
            return await method(self.asynchronous, *args, **kwargs)

        return _wait(self.portal, run)

    call.__name__, call.__doc__ = method.__name__, method.__doc__
    return call


class BlockingNotifications(Generic[T]):
    """`Notifications` for a program without an event loop: iterate with ``for``."""

    def __init__(self, portal: BlockingPortal, notifications: Notifications[T]) -> None:
        self._portal = portal
        self._notifications = notifications

    @property
    def dropped(self) -> int:
        """Notifications lost so far because the reader was too slow."""
        return self._notifications.dropped

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        try:
            return self.next()
        except StopAsyncIteration:
            raise StopIteration from None

    def next(self, *, timeout: float | None = None) -> T:
        """Wait for the next one.

        Args:
            timeout: Seconds to wait; None for ever.

        Raises:
            TimeoutError: None came in time.
            Disconnected: The connection was lost.
        """

        async def run() -> T:
            with anyio.fail_after(timeout):
                return await anext(self._notifications)

        return _wait(self._portal, run)


class Client:
    """A session with the daemon for a program without an event loop.

    ``with Client.connect(name="my-tool") as client: client.list_plugins()``
    """

    def __init__(self, portal: BlockingPortal, asynchronous: AsyncClient) -> None:
        self.portal: Final = portal
        """Runs coroutines in the client's event loop."""
        self.asynchronous: Final = asynchronous
        """The client underneath, for use within `portal`."""

    @property
    def session(self) -> m.InitializeResult:
        """What the daemon said it is and offers; after a reconnection, what it said then."""
        return self.asynchronous.session

    @classmethod
    @contextmanager
    def connect(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        name: str = "plugind-client",
        version: str = "",
        provides: Sequence[m.Namespace] | None = None,
        handlers: Mapping[str, BlockingHandler] | None = None,
        provider: HostProvider | None = None,
        reconnect: Reconnect | None = None,
    ) -> Iterator[Self]:
        """Open a session; as `AsyncClient.connect`, with plain functions for handlers.

        A ``provider`` is as there: its methods are coroutines, and run in the client's own thread.
        """
        threaded = {key: _threaded(handler) for key, handler in (handlers or {}).items()}
        with start_blocking_portal() as portal:
            opened = AsyncClient.connect(
                path,
                name=name,
                version=version,
                provides=provides,
                handlers=threaded,
                provider=provider,
                reconnect=reconnect,
            )
            with portal.wrap_async_context_manager(opened) as asynchronous:
                yield cls(portal, asynchronous)

    call = _blocking(AsyncClient.call)
    call_raw = _blocking(AsyncClient.call_raw)
    daemon_status = _blocking(AsyncClient.daemon_status)
    daemon_metrics = _blocking(AsyncClient.daemon_metrics)
    daemon_shutdown = _blocking(AsyncClient.daemon_shutdown)
    rpc_discover = _blocking(AsyncClient.rpc_discover)
    install = _blocking(AsyncClient.install)
    uninstall = _blocking(AsyncClient.uninstall)
    load = _blocking(AsyncClient.load)
    unload = _blocking(AsyncClient.unload)
    activate = _blocking(AsyncClient.activate)
    deactivate = _blocking(AsyncClient.deactivate)
    enable = _blocking(AsyncClient.enable)
    disable = _blocking(AsyncClient.disable)
    reload = _blocking(AsyncClient.reload)
    release = _blocking(AsyncClient.release)
    update = _blocking(AsyncClient.update)
    load_development = _blocking(AsyncClient.load_development)
    versions = _blocking(AsyncClient.versions)
    rollback = _blocking(AsyncClient.rollback)
    changes = _blocking(AsyncClient.changes)
    set_resource_limits = _blocking(AsyncClient.set_resource_limits)
    get_resource_limits = _blocking(AsyncClient.get_resource_limits)
    list_plugins = _blocking(AsyncClient.list_plugins)
    get_plugin = _blocking(AsyncClient.get_plugin)
    get_state = _blocking(AsyncClient.get_state)
    call_plugin = _blocking(AsyncClient.call_plugin)
    grant = _blocking(AsyncClient.grant)
    revoke = _blocking(AsyncClient.revoke)
    get_permissions = _blocking(AsyncClient.get_permissions)
    apply_preset = _blocking(AsyncClient.apply_preset)
    accept_update = _blocking(AsyncClient.accept_update)
    reject_update = _blocking(AsyncClient.reject_update)
    list_presets = _blocking(AsyncClient.list_presets)
    resolve = _blocking(AsyncClient.resolve)
    lock = _blocking(AsyncClient.lock)
    restore = _blocking(AsyncClient.restore)
    effects_list = _blocking(AsyncClient.effects_list)
    effects_process = _blocking(AsyncClient.effects_process)
    frames_open = _blocking(AsyncClient.frames_open)
    frames_close = _blocking(AsyncClient.frames_close)
    console_get = _blocking(AsyncClient.console_get)
    console_clear = _blocking(AsyncClient.console_clear)
    capsules_list = _blocking(AsyncClient.capsules_list)
    capsules_get = _blocking(AsyncClient.capsules_get)
    headless_state = _blocking(AsyncClient.headless_state)
    headless_set = _blocking(AsyncClient.headless_set)
    headless_choose_menu = _blocking(AsyncClient.headless_choose_menu)
    headless_reload = _blocking(AsyncClient.headless_reload)
    events_publish = _blocking(AsyncClient.events_publish)

    @overload
    def notifications(
        self, method: Literal["plugins.stateChanged"], *, capacity: int = ...
    ) -> BlockingNotifications[m.StateChanged]: ...

    @overload
    def notifications(
        self, method: Literal["plugins.console"], *, capacity: int = ...
    ) -> BlockingNotifications[m.ConsoleMessage]: ...

    @overload
    def notifications(
        self, method: Literal["effects.changed"], *, capacity: int = ...
    ) -> BlockingNotifications[m.EffectsChanged]: ...

    @overload
    def notifications(self, method: str, *, capacity: int = ...) -> BlockingNotifications[Any]: ...

    def notifications(self, method: str, *, capacity: int = DEFAULT_CAPACITY) -> BlockingNotifications[Any]:
        """Return the notifications of a method, from now on; as `AsyncClient.notifications`."""

        async def run() -> Notifications[Any]:
            return self.asynchronous.notifications(method, capacity=capacity)

        return BlockingNotifications(self.portal, _wait(self.portal, run))

    def link_changes(self) -> BlockingNotifications[LinkChanged]:
        """Return what becomes of the connection, from now on; as `AsyncClient.link_changes`."""

        async def run() -> Notifications[LinkChanged]:
            return self.asynchronous.link_changes()

        return BlockingNotifications(self.portal, _wait(self.portal, run))


def _wait(portal: BlockingPortal, run: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine in the portal's loop; an interrupted wait (Ctrl-C) cancels it, and so the request.

    The interrupt may come before the portal has handed out the future, so the task is reached by its scope instead.
    """
    scopes: list[anyio.CancelScope] = []
    given_up = False

    async def guarded() -> T:
        with anyio.CancelScope() as scope:
            scopes.append(scope)
            if given_up:
                scope.cancel()
            return await run()
        raise Cancelled

    def cancel() -> None:
        for scope in scopes:
            scope.cancel()

    try:
        return portal.start_task_soon(guarded).result()
    except BaseException:
        given_up = True
        with contextlib.suppress(RuntimeError):  # the portal is closed, and the task with it
            portal.start_task_soon(cancel)
        raise


def _threaded(handler: BlockingHandler) -> Callable[[str, Any], Awaitable[Any]]:
    async def run(method: str, params: Any) -> Any:
        return await anyio.to_thread.run_sync(handler, method, params)

    return run
