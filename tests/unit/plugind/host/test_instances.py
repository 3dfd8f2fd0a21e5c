"""Instances of effects: whose, with which values, and what the editor is sent."""

from typing import Any

import pytest
from tests.fakes.providers import caller

from plugind.host import instances
from plugind.host.effects import EffectRegistry
from plugind.host.instances import EffectInstances
from plugind_protocol.errors import FunctionNotFound, InvalidParams, TooLarge
from plugind_protocol.host.effects import (
    ApplyInstance,
    ApplyToClip,
    EffectDefinition,
    EffectInstance,
    EffectParameter,
    NewEffect,
)

PARAMETERS = [
    EffectParameter(name="gamma", default=1.0, min=0.1, max=4),
    EffectParameter(name="steps", type="int", min=1),
    EffectParameter(name="on", type="bool", default=False),
    EffectParameter(name="tint", type="color"),
    EffectParameter(name="mode", type="choice", choices=["soft", "hard"]),
    EffectParameter(name="label", type="string"),
]


@pytest.fixture
def made() -> EffectInstances:
    effects = EffectRegistry(lambda _plugin, _ids: None)
    effects.register("p", EffectDefinition(id="grade", parameters=PARAMETERS))
    effects.register("@studio/look", EffectDefinition(id="warm"))
    return EffectInstances(effects)


def test_an_instance_has_all_values(made: EffectInstances) -> None:
    one = made.create(caller(), NewEffect(effect_id="grade", params={"gamma": 2, "mode": "soft"}))
    two = made.create(caller(), NewEffect(effect_id="grade"))
    assert (one.effect_id, one.plugin_id) == ("grade", "p")
    assert one.params == {"gamma": 2, "on": False, "mode": "soft"}
    assert two.params == {"gamma": 1.0, "on": False}
    assert one.id != two.id


def test_the_editor_is_sent_the_whole_instance(made: EffectInstances) -> None:
    one = made.create(caller(), NewEffect(effect_id="grade", params={"steps": 3}))
    assert made.resolve(caller(), ApplyToClip(effect=one.id, clip_id="c")) == ApplyInstance(effect=one, clip_id="c")
    sent = made.resolve(caller(), ApplyToClip(effect=NewEffect(effect_id="grade"), clip_id="c")).effect
    assert sent == EffectInstance(id=sent.id, effect_id="grade", plugin_id="p", params={"gamma": 1.0, "on": False})
    assert sent.id != one.id


def test_effects_of_other_plugins(made: EffectInstances) -> None:
    one = made.create(caller(), NewEffect(effect_id="@studio/look/warm"))
    assert (one.effect_id, one.plugin_id, one.params) == ("warm", "@studio/look", {})
    with pytest.raises(FunctionNotFound, match="'warm'") as caught:
        made.create(caller(), NewEffect(effect_id="warm"))
    assert "It has registered: grade." in caught.value.hint
    with pytest.raises(FunctionNotFound):
        made.create(caller(plugin_id="other"), NewEffect(effect_id="grade"))


def test_instances_are_the_plugins_own_and_go_with_it(made: EffectInstances) -> None:
    one = made.create(caller(), NewEffect(effect_id="grade"))
    asked = ApplyToClip(effect=one.id, clip_id="c")
    with pytest.raises(InvalidParams, match="no effect instance"):
        made.resolve(caller(plugin_id="other"), asked)
    made.forget("p")
    with pytest.raises(InvalidParams) as caught:
        made.resolve(caller(), asked)
    assert caught.value.data.path == "$.effect"


def test_too_many(made: EffectInstances, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "MAX_PER_PLUGIN", 2)
    for _ in range(2):
        made.create(caller(), NewEffect(effect_id="grade"))
    with pytest.raises(TooLarge, match=r"p 1\.0\.0 has 2"):
        made.create(caller(), NewEffect(effect_id="grade"))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"gama": 1}, "no parameter 'gama'"),
        ({"gamma": "1"}, "takes a number, not str"),
        ({"gamma": True}, "takes a number, not bool"),
        ({"gamma": 0}, "at least 0.1, not 0"),
        ({"gamma": 5}, "at most 4, not 5"),
        ({"steps": 1.5}, "takes a whole number"),
        ({"steps": 0}, "at least 1"),
        ({"on": 1}, "takes true or false"),
        ({"tint": 0xFF}, "takes a colour"),
        ({"mode": "loud"}, "one of soft, hard"),
        ({"label": None}, "takes a text"),
    ],
)
def test_values_that_do_not_fit(made: EffectInstances, values: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParams, match=words) as caught:
        made.create(caller(), NewEffect(effect_id="grade", params=values))
    assert caught.value.data.path == f"$.params.{next(iter(values))}"


def test_values_that_fit(made: EffectInstances) -> None:
    values = {"gamma": 4, "steps": 2.0, "on": True, "tint": "#fff", "mode": "hard", "label": ""}
    assert made.create(caller(), NewEffect(effect_id="grade", params=values)).params == values
