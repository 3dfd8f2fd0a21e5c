"""Which client answers which host namespace: the newest that offers it, told to everybody when it changes."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, Protocol, get_args

import msgspec

from plugind_protocol.errors import HostUnavailable
from plugind_protocol.methods import ClientInfo, HostChanged, Namespace

NAMESPACES: Final[tuple[Namespace, ...]] = get_args(Namespace)


class Provider(Protocol):
    """A client, as far as it answers plugins."""

    @property
    def client(self) -> ClientInfo | None:
        """Who it says it is."""

    async def request(self, method: str, params: Any) -> msgspec.Raw:
        """Ask it something; cancelling the wait cancels the request there.

        Raises:
            HostUnavailable: It left, before or while it was asked.
            PlugindError: It answered with an error.
        """


class Absence(msgspec.Struct, frozen=True):
    """What happens to host calls for which there is nobody."""

    unavailable: Literal["fail", "wait"] = "fail"
    wait_seconds: float = 10.0
    """How long they wait for somebody to come; the call's own deadline counts besides."""


class Providers:
    """Knows who provides what.

    Args:
        on_change: Called when somebody else, or nobody, provides a namespace.
        absence: What happens where nobody does.
    """

    def __init__(self, on_change: Callable[[HostChanged], None], *, absence: Absence | None = None) -> None:
        self._on_change = on_change
        self._absence = absence or Absence()
        self._offers: dict[Namespace, list[tuple[bool, Provider]]] = {name: [] for name in NAMESPACES}
        self._watching: list[Callable[[Namespace, Provider | None], None]] = []
        self._waiting: dict[Namespace, list[asyncio.Future[None]]] = {name: [] for name in NAMESPACES}

    def offer(self, provider: Provider, namespaces: Iterable[Namespace], *, reserve: bool = False) -> None:
        """Note what a client provides from now on; nothing, when it leaves.

        Args:
            provider: The client.
            namespaces: All that it provides.
            reserve: Whether it only stands in where nobody else does, however new it is.
        """
        wanted = frozenset(namespaces)
        for name, offers in self._offers.items():
            before = self.current(name)
            has = any(one is provider for _, one in offers)
            if has and name not in wanted:
                offers[:] = [offer for offer in offers if offer[1] is not provider]
            elif not has and name in wanted:
                offers.append((reserve, provider))
                offers.sort(key=lambda offer: not offer[0])  # stable: reserves first, the newest last
            if self.current(name) is not before:
                self._changed(name, before, provider)

    def watch(self, callback: Callable[[Namespace, Provider | None], None]) -> None:
        """Call back when somebody else, or nobody, provides a namespace."""
        self._watching.append(callback)

    def current(self, namespace: str) -> Provider | None:
        """Return who provides a namespace now."""
        offers = self._offers.get(namespace)  # type: ignore[call-overload]  # any string may be asked for
        return offers[-1][1] if offers else None

    def offers(self, provider: Provider) -> frozenset[str]:
        """Return what a client provides, if maybe not as the newest."""
        return frozenset(name for name, offers in self._offers.items() if any(one is provider for _, one in offers))

    def describe(self) -> dict[str, ClientInfo | None]:
        """Return who provides each namespace, for people."""
        return {name: _info(self.current(name)) for name in NAMESPACES}

    async def find(self, namespace: str, method: str) -> Provider:
        """Return who provides a namespace, waiting for somebody to come where that is configured.

        Args:
            namespace: One that clients provide.
            method: For what, for messages.

        Raises:
            HostUnavailable: Nobody does.
        """
        provider = self.current(namespace)
        if provider is None and self._absence.unavailable == "wait":
            provider = await self._arrival(namespace)
        if provider is None:
            waited = f" within {self._absence.wait_seconds:g} s" if self._absence.unavailable == "wait" else ""
            raise HostUnavailable(f"{method}: no connected client provides {namespace!r}{waited}")
        return provider

    async def _arrival(self, namespace: str) -> Provider | None:
        arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting[namespace]  # type: ignore[index]  # only called with one of ours
        waiting.append(arrived)
        try:
            await asyncio.wait({arrived}, timeout=self._absence.wait_seconds)
        finally:
            waiting.remove(arrived)
        return self.current(namespace)

    def _changed(self, name: Namespace, before: Provider | None, by: Provider) -> None:
        now = self.current(name)
        for arrived in self._waiting[name] if now is not None else ():
            if not arrived.done():
                arrived.set_result(None)
        what = "connected" if now is by else "does not provide it any more"
        reason = f"{title(by)} {what}" if before is None or now is by else f"{title(before)} {what}"
        self._on_change(HostChanged(namespace=name, provider=_info(now), reason=reason))
        for callback in self._watching:
            callback(name, now)


def title(provider: Provider) -> str:
    """Return a client's name and version, for people."""
    info = _info(provider)
    return "the editor" if info is None else f"{info.name} {info.version}".strip()


def _info(provider: Provider | None) -> ClientInfo | None:
    return None if provider is None else provider.client or ClientInfo(name="unnamed")
