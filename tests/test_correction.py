"""Corrections: what a network is told of, it reads from then on, and it forgets next to nothing."""

import numpy as np
import pytest

from digit_model import network, pen
from digit_model.correction import correct, evaluate_last, remember
from digit_model.dataset import load_mnist
from digit_model.evaluation import evaluate
from digit_model.network import Convolution, NetworkConfig
from digit_model.runs import copy


@pytest.fixture(scope="module")
def model(recognizer):
    return recognizer.model


@pytest.fixture(scope="module")
def memory(model):
    return remember(model)


@pytest.fixture(scope="module")
def mirrored():
    """Forty mirrored threes, by forty hands: uint8 (40, 28, 28)."""
    hands = (np.random.default_rng(number) for number in range(40))
    return np.stack([pen.render(pen.write(pen.DIGITS[3][0], hand), 0.1)[:, ::-1] for hand in hands])


def taught(model, weights):
    twin = copy(model)
    twin.layers[-1].set_weights(weights)
    return twin


def read(model, images):
    return np.asarray(model(images)).argmax(1)


@pytest.mark.parametrize(("count", "share"), [(1, 0.5), (10, 0.9)])
def test_corrections_are_read_rightly_and_so_are_others_alike(model, memory, mirrored, count, share):
    assert np.mean(read(model, mirrored) == 3) < 0.2
    weights = correct(model, memory, mirrored[:count], [3] * count)
    read_now = read(taught(model, weights), mirrored)
    assert (read_now[:count] == 3).all()
    assert np.mean(read_now[10:] == 3) > share
    cost = evaluate_last(model.layers[-1].get_weights(), memory).accuracy - evaluate_last(weights, memory).accuracy
    assert cost < 0.003


def test_what_it_was_quite_sure_of_can_be_corrected_too(model, memory):
    upside_down = np.stack([pen.page(digit, number)[::-1, ::-1] for digit in (2, 4, 6, 7) for number in range(30)])
    labels = np.repeat((2, 4, 6, 7), 30)
    shares = np.asarray(model(upside_down))[np.arange(120), labels]
    least = shares.argmin()
    assert shares[least] < 1e-7
    weights = correct(model, memory, upside_down[least][None], labels[least][None])
    assert read(taught(model, weights), upside_down[least][None]) == labels[least]


def test_the_test_is_that_of_the_whole_test_set(model, memory, mirrored):
    weights = correct(model, memory, mirrored[:2], [3, 3])
    whole = evaluate(taught(model, weights), load_mnist("test"))
    assert evaluate_last(weights, memory).accuracy == pytest.approx(whole.accuracy, abs=2e-4)


def test_the_model_that_is_corrected_stays_as_it_was(model, memory, mirrored):
    before = [weights.copy() for weights in model.get_weights()]
    correct(model, memory, mirrored[:1], [3])
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("preset", ["article", "dense", "fast"])
def test_other_networks_can_be_corrected_too(preset, mirrored):
    made = network.build(network.PRESETS[preset])
    weights = correct(made, remember(made), mirrored[:1], [3])
    assert read(taught(made, weights), mirrored[:1]) == 3


def test_a_last_layer_that_is_too_wide_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match=r"21,632 numbers, and I can correct up to 2,048"):
        remember(network.build(NetworkConfig(convolutions=(Convolution(32, 3),))))


def test_a_network_that_ends_otherwise_is_refused_in_a_sentence():
    from keras import Sequential, layers

    ends = [[layers.Dense(10, "softmax", use_bias=False)], [layers.Dense(10), layers.Softmax()]]
    for end in ends:
        with pytest.raises(ValueError, match="doesn't end in ten softmax units"):
            remember(Sequential([layers.Input((28, 28)), layers.Flatten(), *end]))
