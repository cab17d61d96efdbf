"""Settings as plain values: what a form holds, to the dataclasses and back."""

import json

import pytest

from digit_model import network, settings, training
from digit_model.checks import SettingError


@pytest.mark.parametrize("name", network.PRESETS)
def test_a_preset_survives_the_way_to_a_form_and_back(name):
    values = json.loads(json.dumps(settings.presets()[name]))
    made, config = settings.to_network(values["network"]), settings.to_training(values["training"])
    assert made == network.PRESETS[name]
    assert config == training.PRESETS[name]
    assert settings.are_preset(name, made, config)


@pytest.mark.parametrize(
    ("values", "setting"),
    [
        ({"dropout": 1}, "dropout"),
        ({"convolutions": [{"filters": 0}]}, "convolutions.0.filters"),
        ({"convolutions": [{"filters": 8}, {"filters": 8, "kernel_size": 27}]}, "convolutions.1.kernel_size"),
        ({"convolutions": [{"filters": "abc"}]}, "convolutions.0.filters"),
        ({"convolutions": [{}]}, "convolutions.0"),
        ({"dense_units": ["x"]}, "dense_units"),
        ({"colour": "red"}, "colour"),
        ("red", "network"),
    ],
)
def test_a_network_that_cannot_be_is_refused_at_its_control(values, setting):
    with pytest.raises(SettingError) as refusal:
        settings.to_network(values)
    assert refusal.value.setting == setting
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("values", "setting"),
    [
        ({"epochs": 0}, "epochs"),
        ({"epochs": 1.5}, "epochs"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"learning_rate": -1}, "learning_rate"),
        ({"learning_rate": 1e9}, "learning_rate"),
        ({"learning_rate": "abc"}, "learning_rate"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 128, "training_images": 10}, "batch_size"),
        ({"augmentation": {"turn": 100}}, "augmentation.turn"),
        ({"seed": True}, "seed"),
    ],
)
def test_learning_that_cannot_be_is_refused_at_its_control(values, setting):
    with pytest.raises(SettingError) as refusal:
        settings.to_training(values)
    assert refusal.value.setting == setting


@pytest.mark.parametrize("name", network.PRESETS)
def test_the_layers_counted_are_those_that_keras_builds(name):
    described = settings.describe(settings.presets()[name])
    assert described["weights"] == network.build(network.PRESETS[name]).count_params()
    assert described["layers"][-1][1] == (10,)
    assert (described["varied"] is not None) == (name == "accurate")


def test_a_step_too_large_for_a_small_machine_is_refused_with_or_without_a_model():
    made, config = network.PRESETS["accurate"], training.TrainingConfig(batch_size=2048)
    for model in (None, network.build(made)):
        with pytest.raises(SettingError, match="a batch takes up to") as refusal:
            settings.check_step(config, made, model)
        assert refusal.value.setting == "batch_size"
        settings.check_step(training.TrainingConfig(batch_size=200), made, model)
