"""The order of activation: what is needed comes first. Plugins that need each other come together, by name."""

from collections.abc import Collection, Mapping


def components(needs: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Sort plugins so that each comes after what it needs.

    Args:
        needs: Plugin → what it needs; each of these is a key too.

    Returns:
        Groups in order, each sorted by name; a group of several is a cycle: each of them needs, over others of the
        group, all of it.
    """
    return _Tarjan(needs).run()


class _Tarjan:
    """Tarjan's algorithm, without recursion: chains of dependencies may be long."""

    def __init__(self, needs: Mapping[str, Collection[str]]) -> None:
        self._needs = {name: sorted(targets) for name, targets in needs.items()}
        self._number: dict[str, int] = {}
        self._lowest: dict[str, int] = {}
        self._open: dict[str, None] = {}
        """Visited and not yet in a group; an ordered set."""
        self._groups: list[list[str]] = []

    def run(self) -> list[list[str]]:
        for name in sorted(self._needs):
            if name not in self._number:
                self._visit(name)
        return self._groups

    def _visit(self, root: str) -> None:
        self._enter(root)
        path = [(root, iter(self._needs[root]))]
        while path:
            name, targets = path[-1]
            target = next(targets, None)
            if target is None:
                path.pop()
                self._leave(name)
                if path:
                    above = path[-1][0]
                    self._lowest[above] = min(self._lowest[above], self._lowest[name])
            elif target not in self._number:
                self._enter(target)
                path.append((target, iter(self._needs[target])))
            elif target in self._open:
                self._lowest[name] = min(self._lowest[name], self._number[target])

    def _enter(self, name: str) -> None:
        self._number[name] = self._lowest[name] = len(self._number)
        self._open[name] = None

    def _leave(self, name: str) -> None:
        if self._lowest[name] != self._number[name]:
            return
        group = []
        while True:
            member, _ = self._open.popitem()
            group.append(member)
            if member == name:
                break
        self._groups.append(sorted(group))
