"""The effects that plugins have registered."""

from collections.abc import Callable

from plugind_protocol.errors import FunctionNotFound, InvalidParams
from plugind_protocol.host.effects import EffectDefinition
from plugind_protocol.methods import Effect


class EffectRegistry:
    """Registered effects of all plugins, in order of registration.

    Args:
        on_change: Called with the plugin's id and its effect ids when they changed.
    """

    def __init__(self, on_change: Callable[[str, list[str]], None]) -> None:
        self._effects: dict[str, dict[str, Effect]] = {}
        self._on_change = on_change

    def register(self, plugin_id: str, definition: EffectDefinition) -> int:
        """Register an effect, or register it anew.

        Args:
            plugin_id: Whose it is.
            definition: What it is.

        Returns:
            The handle by which the guest is asked for it: the same for the same id as long as the plugin is loaded,
            also across its workers.

        Raises:
            InvalidParams: It has no id.
        """
        if not definition.id:
            raise InvalidParams("an effect needs an id", path="$.id", plugin_id=plugin_id)
        effects = self._effects.setdefault(plugin_id, {})
        effect = Effect(
            plugin_id=plugin_id,
            effect_id=definition.id,
            name=definition.name or definition.id,
            category=definition.category,
            parameters=definition.parameters,
            parallel=definition.parallel,
        )
        if effects.get(definition.id) != effect:
            effects[definition.id] = effect
            self._on_change(plugin_id, list(effects))
        return list(effects).index(definition.id)

    def handle(self, plugin_id: str, effect_id: str) -> int:
        """Return the handle of an effect.

        Raises:
            FunctionNotFound: The plugin has not registered it; the hint names those it has.
        """
        effects = list(self._effects.get(plugin_id, ()))
        if effect_id not in effects:
            raise FunctionNotFound(
                f"{plugin_id} has no effect {effect_id!r}",
                hint=f"It offers: {', '.join(effects) or 'none'}.",
                plugin_id=plugin_id,
            )
        return effects.index(effect_id)

    def get(self, plugin_id: str, effect_id: str) -> Effect | None:
        """Return one effect, if it is registered."""
        return self._effects.get(plugin_id, {}).get(effect_id)

    def list(self, plugin_id: str | None = None) -> list[Effect]:
        """Return the effects of one plugin, or of all."""
        chosen = self._effects if plugin_id is None else {plugin_id: self._effects.get(plugin_id, {})}
        return [effect for effects in chosen.values() for effect in effects.values()]

    def forget(self, plugin_id: str) -> None:
        """Drop the effects of a plugin that is not loaded any more."""
        if self._effects.pop(plugin_id, None):
            self._on_change(plugin_id, [])
