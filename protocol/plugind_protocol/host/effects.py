"""``effects.*`` of guests: what they offer, instances of it, and putting these on clips."""

from typing import Any, Final, Literal

from plugind_protocol.host.values import Identifier
from plugind_protocol.table import Example, HostMethod, Params, Struct

NAMESPACE: Final = "effects"


class EffectParameter(Struct, frozen=True):
    """One parameter of an effect, for the editor's controls."""

    name: str
    """Key in ``params``."""
    type: Literal["float", "int", "bool", "color", "choice", "string"] = "float"
    """What its values are; ``color`` is a string such as ``#rrggbbaa``."""
    default: Any = None
    """Value where none is given."""
    min: float | None = None
    """Lowest value; of numbers."""
    max: float | None = None
    """Highest value; of numbers."""
    choices: list[str] = []
    """Values there are; of ``choice``."""
    label: str = ""
    """For people; default: the name."""


class EffectDefinition(Struct, frozen=True):
    """What a plugin registers."""

    id: str
    """What clients call it; not empty."""
    name: str = ""
    """For people; default: the id."""
    category: str = ""
    """For people."""
    parameters: list[EffectParameter] = []
    """In the order of the controls."""
    parallel: bool = False
    """Stateless: what it makes of a frame depends on nothing but that frame, its params and its time, so that frames
    may be run by several workers at once."""


class EffectHandle(Struct, frozen=True):
    """The number that `plugin_process_frame` is called with."""

    effect: int
    """The same for the same id as long as the plugin is loaded."""


class NewEffect(Params, frozen=True):
    """An effect with values for its parameters."""

    effect_id: Identifier
    """An effect that this plugin registered; one of another plugin as ``pluginId/effectId``."""
    params: dict[str, Any] = {}
    """Values by name; those left out get the effect's defaults."""


class EffectInstance(Struct, frozen=True):
    """An effect with all of its values: everything an editor needs to run it by ``effects.process``."""

    id: Identifier
    """Of the instance."""
    effect_id: Identifier
    """The effect's id at its plugin."""
    plugin_id: Identifier
    """Whose effect it is."""
    params: dict[str, Any]
    """Values by name, defaults included."""


class ApplyToClip(Params, frozen=True):
    """Puts an effect on a clip."""

    effect: Identifier | NewEffect
    """The id of an instance that this plugin created, or what to create one of."""
    clip_id: Identifier
    """The clip to put it on."""


class ApplyInstance(Params, frozen=True):
    """What the editor is asked for ``effects.applyToClip``."""

    effect: EffectInstance
    """The whole of it."""
    clip_id: Identifier
    """The clip to put it on."""


class EffectApplied(Struct, frozen=True):
    """The effect is on the clip."""

    clip_id: Identifier
    """The clip it is on."""
    effect: EffectInstance
    """As the editor was given it."""


_GRADE: Final = {"id": "e1", "effectId": "grade", "pluginId": "color-grade", "params": {"gamma": 1.2}}

METHODS: Final = (
    HostMethod(
        "effects.register",
        EffectDefinition,
        EffectHandle,
        "Offer an effect; again with the same id to change it.",
        permission="effects.create",
        provider="daemon",
        example=Example(
            {"id": "grade", "name": "Colour grade", "parameters": [{"name": "gamma", "default": 1, "min": 0.1}]},
            {"effect": 0},
        ),
    ),
    HostMethod(
        "effects.create",
        NewEffect,
        EffectInstance,
        "Create an instance of an effect; it lives as long as the plugin is loaded.",
        permission="effects.create",
        provider="daemon",
        errors=("FunctionNotFound", "TooLarge"),
        example=Example({"effectId": "grade", "params": {"gamma": 1.2}}, _GRADE),
    ),
    HostMethod(
        "effects.applyToClip",
        ApplyToClip,
        EffectApplied,
        "Put an effect on a clip; the editor gets the whole instance as ``effect``.",
        permission="effects.apply",
        edits=True,
        sends=ApplyInstance,
        errors=("FunctionNotFound",),
        example=Example({"effect": "e1", "clipId": "c1"}, {"clipId": "c1", "effect": _GRADE}),
    ),
)
