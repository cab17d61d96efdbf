"""Every preset builds, a network that cannot be is refused by its setting's name, and a saved one comes back."""

from dataclasses import replace

import numpy as np
import pytest

from digit_model import network
from digit_model.checks import SettingError
from digit_model.network import PRESETS, Convolution, NetworkConfig, build, load, save

TINY = NetworkConfig(convolutions=(Convolution(4, 5, 2),), dense_units=(6,))
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 28, 28)).astype(np.uint8)


@pytest.fixture(scope="module")
def tiny():
    return build(TINY)


def read(model, images):
    return np.asarray(model(images, training=False))


# What is built


def test_the_article_preset_has_the_articles_weights():
    model = build(PRESETS["article"])
    assert model.count_params() == 607_394
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["Reshape", "Rescaling", "Conv2D", "MaxPooling2D", "Flatten", "Dense", "Dropout", "Dense"]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_gives_ten_probabilities_for_each_image(name):
    probabilities = read(build(PRESETS[name]), IMAGES)
    assert probabilities.shape == (3, 10)
    assert probabilities.dtype == np.float32
    assert probabilities.sum(1) == pytest.approx(np.ones(3), abs=1e-5)
    assert (probabilities >= 0).all()


@pytest.mark.parametrize("name", PRESETS)
def test_the_layers_are_told_without_building_them(name):
    layers = PRESETS[name].layers()
    model = build(PRESETS[name])
    assert sum(layer.weights for layer in layers) == model.count_params()
    assert layers[-1].shape == (10,)
    flat = next(layer for layer in model.layers if layer.name.startswith("flatten"))
    assert ("Flatten", flat.output.shape[1:]) in [(layer.name, layer.shape) for layer in layers]


def test_pixels_go_in_as_they_are_and_are_scaled_inside(tiny):
    assert read(tiny, IMAGES) == pytest.approx(read(tiny, IMAGES.astype(np.float32)), abs=1e-6)
    scaled = tiny.layers[1](IMAGES.astype(np.float32)[..., None])
    assert float(np.max(scaled)) == pytest.approx(IMAGES.max() / 255)


@pytest.mark.parametrize(
    "changes",
    [
        {"convolutions": (), "dense_units": ()},
        {"convolutions": (Convolution(2, 28),)},
        {"convolutions": (Convolution(2, 3, 4),), "padding": "same", "pooling": "average", "pool_size": 3},
        {"batch_normalization": True, "activation": "linear"},
        {"dropout": 0.9},
        {"convolution_dropout": 0.9},
        *({"activation": name, "dense_activation": name} for name in network.ACTIVATIONS),
    ],
    ids=str,
)
def test_what_the_settings_allow_can_be_built(changes):
    assert read(build(replace(TINY, **changes)), IMAGES).sum(1) == pytest.approx(np.ones(3), abs=1e-5)


# What is refused


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"convolutions": (Convolution(4, 20), Convolution(4, 10))}, r"Convolution 2's kernel takes 10 .* only 9 x 9"),
        ({"convolutions": (Convolution(4, 28), Convolution(4, 2))}, r"Convolution 2's kernel takes 2 .* only 1 x 1"),
        ({"convolutions": (Convolution(4),) * 5, "pooling": "max"}, "Convolution 4's kernel takes 3 .* only 1 x 1"),
        ({"convolutions": (Convolution(4, 1, 4),) * 2, "pooling": "max", "pool_size": 3}, "Pooling 2 takes 3 x 3"),
        ({"convolutions": (Convolution(4),) * 13}, "up to 12 convolutions, not 13"),
        ({"dense_units": (4,) * 5}, "up to 4 dense layers, not 5"),
        ({"padding": "full"}, "Padding takes one of valid, same, not 'full'"),
        ({"pooling": True}, "Pooling takes one of max, average, none, not True"),
        ({"activation": "Relu"}, "Activation takes one of .*relu.*, not 'Relu'"),
        ({"dense_activation": None}, "Dense activation takes one of"),
        ({"pool_size": 1}, "Pool size takes a whole number from 2 to 4, not 1"),
        ({"dense_units": (0,)}, "Dense units takes a whole number from 1 to 2,048, not 0"),
        ({"dense_units": ("128",)}, "Dense units .* not '128'"),
        ({"dense_units": (12.5,)}, "Dense units .* not 12.5"),
        ({"convolution_dropout": 1}, r"Convolution dropout takes a number from 0 to 0\.9, not 1"),
        ({"dropout": 1}, r"Dropout takes a number from 0 to 0\.9, not 1"),
        ({"dropout": float("nan")}, "Dropout .* not nan"),
        ({"dropout": False}, "Dropout .* not False"),
    ],
    ids=str,
)
def test_a_network_that_cannot_be_is_refused_by_its_setting(settings, words):
    with pytest.raises(SettingError, match=f"(?i){words}"):
        NetworkConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"filters": -8}, "Filters takes a whole number from 1 to 512, not -8"),
        ({"filters": 0}, "filters"),
        ({"filters": 10**9}, "filters"),
        ({"filters": True}, "filters .* not True"),
        ({"filters": "8"}, "filters .* not '8'"),
        ({"filters": 8, "kernel_size": 0}, "Kernel size takes a whole number from 1 to 28, not 0"),
        ({"filters": 8, "kernel_size": 29}, "kernel size"),
        ({"filters": 8, "kernel_size": (3, 3)}, "kernel size"),
        ({"filters": 8, "stride": 0}, "Stride takes a whole number from 1 to 4, not 0"),
        ({"filters": 8, "stride": 1.5}, "stride"),
    ],
    ids=str,
)
def test_a_convolution_that_cannot_be_is_refused_by_its_setting(settings, words):
    with pytest.raises(SettingError, match=f"(?i){words}"):
        Convolution(**settings)


# Files


def test_a_saved_network_comes_back_the_same(tiny, tmp_path):
    save(tiny, tmp_path / "tiny.keras")
    assert read(load(tmp_path / "tiny.keras"), IMAGES) == pytest.approx(read(tiny, IMAGES), abs=1e-6)
    assert read(load(str(tmp_path / "tiny.keras")), IMAGES).shape == (3, 10)


@pytest.mark.parametrize("name", ["tiny.h5", "tiny", "tiny.keras.zip"])
def test_another_ending_is_not_saved_to(tiny, tmp_path, name):
    with pytest.raises(ValueError, match=r"saved as a \.keras file"):
        save(tiny, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_not_saved_to(tiny, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no folder .*none"):
        save(tiny, tmp_path / "none" / "tiny.keras")


def test_a_missing_model_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no model file 'none\.keras'"):
        load(tmp_path / "none.keras")


def test_a_file_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "text.keras"
    path.write_text("not a model")
    with pytest.raises(network.ModelError, match=r"not a \.keras file"):
        load(path)


@pytest.mark.parametrize(("given", "units"), [((28, 28), 3), ((14, 14), 10)])
def test_a_model_of_another_shape_is_refused(tmp_path, given, units):
    from keras import Sequential, layers

    path = tmp_path / "other.keras"
    Sequential([layers.Input(given), layers.Flatten(), layers.Dense(units, "softmax")]).save(path)
    with pytest.raises(network.ModelError):
        load(path)


def test_convolution_dropout_comes_after_each_block_and_is_off_by_default():
    from keras.layers import Dropout

    blocks = (Convolution(4, 3), Convolution(4, 3))
    rates = [
        [
            layer.rate
            for layer in build(NetworkConfig(blocks, convolution_dropout=rate)).layers
            if type(layer) is Dropout
        ]
        for rate in (0.2, 0.0)
    ]
    assert rates == [[0.2, 0.2, 0.0], [0.0]]
