"""Corrections: what a network is told of, it reads from then on, and it forgets nothing."""

import numpy as np
import pytest

from digit_model import correction, network, pen
from digit_model.dataset import load_mnist
from digit_model.evaluation import evaluate


@pytest.fixture(scope="module")
def model(recognizer):
    return recognizer.model


@pytest.fixture(scope="module")
def mirrored():
    """Forty mirrored threes, by forty hands: uint8 (40, 28, 28)."""
    hands = (np.random.default_rng(number) for number in range(40))
    return np.stack([pen.render(pen.write(pen.DIGITS[3][0], hand), 0.1)[:, ::-1] for hand in hands])


def read(model, images):
    return np.asarray(model(images)).argmax(1)


def test_one_correction_is_read_rightly_and_costs_little(model, mirrored):
    assert read(model, mirrored[:1]) != 3
    taught, evaluation = correction.correct(model, mirrored[:1], [3])
    assert read(taught, mirrored[:1]) == 3
    assert np.asarray(taught(mirrored[:1])).max() > 0.5
    assert evaluation.accuracy > correction.tested(model).accuracy - 0.003


def test_ten_corrections_of_an_odd_style_make_it_read_the_eleventh(model, mirrored):
    assert np.mean(read(model, mirrored[10:]) == 3) < 0.2
    taught, evaluation = correction.correct(model, mirrored[:10], [3] * 10)
    assert np.mean(read(taught, mirrored[10:]) == 3) > 0.9
    assert evaluation.accuracy > correction.tested(model).accuracy - 0.003


def test_the_evaluation_is_that_of_the_whole_test_set(model, mirrored):
    taught, evaluation = correction.correct(model, mirrored[:2], [3, 3])
    assert evaluation.accuracy == pytest.approx(evaluate(taught, load_mnist("test")).accuracy, abs=2e-4)
    assert correction.tested(model).accuracy == pytest.approx(evaluate(model, load_mnist("test")).accuracy, abs=2e-4)


def test_the_model_that_is_corrected_stays_as_it_was(model, mirrored):
    before = [weights.copy() for weights in model.get_weights()]
    correction.correct(model, mirrored[:1], [3])
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("preset", ["article", "dense", "fast"])
def test_any_network_can_be_corrected_and_saved(preset, mirrored, tmp_path):
    made = network.build(network.PRESETS[preset])
    taught, _ = correction.correct(made, mirrored[:1], [3])
    network.save(taught, tmp_path / "taught.keras")
    again = network.load(tmp_path / "taught.keras")
    assert np.allclose(np.asarray(again(mirrored)), np.asarray(taught(mirrored)), atol=1e-5)
