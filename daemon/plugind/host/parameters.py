"""Values for an effect's parameters: checked against what the plugin registered, and made complete. Pure."""

from collections.abc import Callable
from typing import Any, Final

from plugind_protocol.errors import InvalidParams
from plugind_protocol.host.effects import EffectParameter
from plugind_protocol.methods import Effect


def complete(effect: Effect, values: dict[str, Any]) -> dict[str, Any]:
    """Check values, and add the defaults of those that are missing.

    Args:
        effect: What was registered.
        values: By name of the parameter.

    Returns:
        A value for each parameter that has one or a default, in the order of registration.

    Raises:
        InvalidParams: A name that is none of its parameters, or a value that does not fit; ``path`` names it.
    """
    known = {parameter.name: parameter for parameter in effect.parameters}
    for name, value in values.items():
        if name not in known:
            raise InvalidParams(
                f"effect {effect.effect_id} of {effect.plugin_id} has no parameter {name!r}",
                hint=f"It has: {', '.join(known) or 'none'}.",
                path=f"$.params.{name}",
            )
        if problem := _problem(known[name], value):
            raise InvalidParams(
                f"parameter {name!r} of effect {effect.effect_id} of {effect.plugin_id} {problem}",
                path=f"$.params.{name}",
            )
    defaults = {name: one.default for name, one in known.items() if one.default is not None}
    return {name: values.get(name, defaults.get(name)) for name in known if name in values or name in defaults}


def _problem(parameter: EffectParameter, value: Any) -> str:
    if not _FITS[parameter.type](value):
        return f"takes {_WORDS[parameter.type]}, not {type(value).__name__}"
    if parameter.type in ("float", "int"):
        if parameter.min is not None and value < parameter.min:
            return f"is at least {parameter.min:g}, not {value:g}"
        if parameter.max is not None and value > parameter.max:
            return f"is at most {parameter.max:g}, not {value:g}"
    if parameter.type == "choice" and parameter.choices and value not in parameter.choices:
        return f"is one of {', '.join(parameter.choices)}"
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_FITS: Final[dict[str, Callable[[Any], bool]]] = {
    "float": _is_number,
    "int": lambda value: _is_number(value) and float(value).is_integer(),
    "bool": lambda value: isinstance(value, bool),
    "color": _is_text,
    "choice": _is_text,
    "string": _is_text,
}
_WORDS: Final = {
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "color": "a colour as text",
    "choice": "one of its choices",
    "string": "a text",
}
