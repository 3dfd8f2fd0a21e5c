"""Instances of effects: an effect with values, which plugins create and put on clips."""

import itertools
from typing import Final

from plugind.host.caller import Caller
from plugind.host.effects import EffectRegistry
from plugind.host.parameters import complete
from plugind_protocol.errors import FunctionNotFound, InvalidParams, TooLarge
from plugind_protocol.host.effects import ApplyInstance, ApplyToClip, EffectInstance, NewEffect
from plugind_protocol.methods import Effect

MAX_PER_PLUGIN: Final = 10_000
"""Instances that a plugin may have at once."""


class EffectInstances:
    """The instances of all loaded plugins.

    Args:
        effects: What plugins have registered.
    """

    def __init__(self, effects: EffectRegistry) -> None:
        self._effects = effects
        self._made: dict[str, dict[str, EffectInstance]] = {}
        self._numbers = itertools.count(1)

    def create(self, caller: Caller, wanted: NewEffect) -> EffectInstance:
        """Create an instance; the answer to ``effects.create``.

        Raises:
            FunctionNotFound: There is no such effect; the hint names those that the plugin has registered.
            InvalidParams: A value does not fit its parameter.
            TooLarge: The plugin has too many.
        """
        made = self._made.setdefault(caller.plugin_id, {})
        if len(made) >= MAX_PER_PLUGIN:
            raise TooLarge(
                f"{caller.plugin_id} {caller.version} has {MAX_PER_PLUGIN} effect instances",
                hint="Put values into effects.applyToClip instead of creating an instance for each clip.",
                plugin_id=caller.plugin_id,
                version=caller.version,
            )
        instance = self._make(caller, wanted)
        made[instance.id] = instance
        return instance

    def resolve(self, caller: Caller, params: ApplyToClip) -> ApplyInstance:
        """Return what the editor is sent for ``effects.applyToClip``: the whole instance.

        Raises:
            InvalidParams: The plugin created no such instance, or a value does not fit.
            FunctionNotFound: There is no such effect.
        """
        if isinstance(params.effect, NewEffect):
            return ApplyInstance(clip_id=params.clip_id, effect=self._make(caller, params.effect))
        instance = self._made.get(caller.plugin_id, {}).get(params.effect)
        if instance is None:
            raise InvalidParams(
                f"{caller.plugin_id} {caller.version} has no effect instance {params.effect!r}",
                hint="Create one with effects.create; instances are gone once the plugin was unloaded.",
                plugin_id=caller.plugin_id,
                version=caller.version,
                path="$.effect",
            )
        return ApplyInstance(clip_id=params.clip_id, effect=instance)

    def forget(self, plugin_id: str) -> None:
        """Drop the instances of a plugin that is not loaded any more."""
        self._made.pop(plugin_id, None)

    def _make(self, caller: Caller, wanted: NewEffect) -> EffectInstance:
        effect = self._find(caller, wanted.effect_id)
        return EffectInstance(
            id=f"{caller.plugin_id}#{next(self._numbers)}",
            effect_id=effect.effect_id,
            plugin_id=effect.plugin_id,
            params=complete(effect, wanted.params),
        )

    def _find(self, caller: Caller, name: str) -> Effect:
        owner, _, effect_id = name.rpartition("/")
        found = self._effects.get(caller.plugin_id, name) or self._effects.get(owner, effect_id)
        if found is None:
            own = ", ".join(effect.effect_id for effect in self._effects.list(caller.plugin_id))
            raise FunctionNotFound(
                f"{caller.plugin_id} {caller.version} asked for effect {name!r}, which nobody has registered",
                hint=f"It has registered: {own or 'none'}. Another plugin's is pluginId/effectId, once that is active.",
                plugin_id=caller.plugin_id,
                version=caller.version,
            )
        return found
