"""Training learns, tells where it stands, stops when it is closed, and refuses what cannot work."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from digit_model import pen, training
from digit_model.checks import SettingError
from digit_model.dataset import Augmentation, Dataset
from digit_model.network import Convolution, NetworkConfig, build
from digit_model.training import Diverged, TrainingConfig, learning_rate, train

TINY = NetworkConfig(dense_units=(16,))
CONFIG = TrainingConfig(epochs=2, batch_size=20, learning_rate=0.01, validation_images=40)


@pytest.fixture(scope="module")
def dataset():
    """240 images, each a bright bar at its label's height in noise."""
    draws = np.random.default_rng(0)
    labels = np.arange(240, dtype=np.uint8) % 10
    images = draws.integers(0, 60, (240, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 * label + 4 : 2 * label + 6] = 250
    return Dataset(images, labels)


def tiny(network=TINY):
    import keras

    keras.utils.set_random_seed(3)
    return build(network)


def run(dataset, model=None, network=TINY, **changes):
    return list(train(model or tiny(network), dataset, replace(CONFIG, **changes)))


@pytest.fixture(scope="module")
def steps(dataset):
    """The Progress of each step of one run of two epochs."""
    return run(dataset)


def weights(model):
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


# Learning


@pytest.mark.parametrize("optimizer", training.OPTIMIZERS)
def test_the_loss_falls_with_every_optimizer(dataset, optimizer):
    rate = 0.001 if optimizer in ("rmsprop", "sgd") else 0.01
    steps = run(dataset, epochs=5, optimizer=optimizer, learning_rate=rate)
    assert steps[-1].loss < 0.8 * steps[0].loss
    assert steps[-1].accuracy > 0.3


@pytest.mark.parametrize("loss", training.LOSSES)
def test_both_losses_are_learned_from(dataset, loss):
    steps = run(dataset, epochs=8, loss=loss)
    assert steps[-1].loss < 0.8 * steps[0].loss
    assert steps[-1].validation_accuracy > 0.5


def test_augmented_images_are_learned_from(dataset):
    steps = run(dataset, epochs=5, augmentation=Augmentation(shift=0.5, turn=2, thickness=0.2))
    assert steps[-1].loss < 0.8 * steps[0].loss


def test_dropout_and_batch_normalization_are_trained_with(dataset):
    network = NetworkConfig(convolutions=(Convolution(4, 5, 3),), batch_normalization=True, dropout=0.3)
    model = tiny(network)
    means = next(layer for layer in model.layers if "normalization" in layer.name)
    before = means.moving_mean.numpy().copy()
    list(train(model, dataset, replace(CONFIG, epochs=1)))
    assert np.abs(means.moving_mean.numpy() - before).max() > 0


def test_the_images_kept_apart_are_not_learned_from(dataset):
    images, labels = dataset.images.copy(), dataset.labels.copy()
    images[-40:], labels[-40:] = 0, 0
    models = [tiny(), tiny()]
    for model, data in zip(models, (dataset, Dataset(images, labels)), strict=True):
        list(train(model, data, CONFIG))
    assert (weights(models[0]) == weights(models[1])).all()


def test_no_more_than_the_images_asked_for_are_learned_from(dataset):
    steps = run(dataset, training_images=60)
    assert steps[-1].steps == 2 * 60 // 20


# Progress


def test_progress_tells_the_step_and_the_epoch(steps):
    assert [one.step for one in steps] == list(range(1, 21))
    assert {one.steps for one in steps} == {20}
    assert [one.epoch for one in steps] == [1] * 10 + [2] * 10
    assert {one.epochs for one in steps} == {2}


def test_the_seconds_left_come_down_to_none(steps):
    assert all(one.seconds_left > 0 for one in steps[:-1])
    assert steps[-1].seconds_left == 0
    assert all(one.images_per_second > 0 for one in steps)


def test_loss_and_accuracy_are_numbers_in_their_range(steps):
    for one in steps:
        assert isinstance(one.loss, float)
        assert one.loss > 0
        assert 0 <= one.accuracy <= 1


def test_validation_comes_as_often_as_said_and_last(steps):
    validated = [one.step for one in steps if one.validation_accuracy is not None]
    assert validated == list(range(2, 21, 10 // training.VALIDATIONS))
    assert all((one.validation_loss is None) == (one.validation_accuracy is None) for one in steps)
    assert 0 <= steps[-1].validation_accuracy <= 1
    assert steps[-1].validation_loss > 0


def test_a_run_ends_validated_even_between_two_validations(dataset):
    steps = run(dataset, epochs=1, training_images=180)
    assert steps[-1].step % (9 // training.VALIDATIONS) != 0
    assert steps[-1].validation_accuracy is not None


def test_without_validation_images_there_is_none(dataset):
    progress = list(train(tiny(), dataset, replace(CONFIG, epochs=1, validation_images=0)))[-1]
    assert progress.step == 12
    assert progress.validation_accuracy is None


def test_progress_cannot_be_changed(steps):
    with pytest.raises(FrozenInstanceError):
        steps[0].loss = 0


# Stopping, pausing, steering


def test_closing_stops_it(dataset):
    model = tiny()
    going = train(model, dataset, replace(CONFIG, epochs=100))
    before = weights(model)
    for _ in range(3):
        next(going)
    going.close()
    stopped = weights(model)
    assert (stopped != before).any()
    assert list(going) == []
    assert (weights(model) == stopped).all()


def test_a_rate_sent_to_it_is_the_rate_from_then_on(dataset):
    going = train(tiny(), dataset, CONFIG)
    assert next(going).learning_rate == pytest.approx(0.01)
    assert going.send(0.002).learning_rate == pytest.approx(0.002)
    assert next(going).learning_rate == pytest.approx(0.002)


def test_one_seed_gives_one_run_and_another_seed_another(dataset):
    changes = {"augmentation": Augmentation(shift=2, turn=10), "epochs": 1}
    first, again, other = (run(dataset, seed=seed, **changes) for seed in (7, 7, 8))
    assert [one.loss for one in first] == [one.loss for one in again]
    assert [one.loss for one in first] != [one.loss for one in other]


# The learning rate


def test_a_constant_rate_is_constant():
    assert {learning_rate("constant", 0.01, step, 50) for step in range(1, 51)} == {0.01}


def test_the_cosine_rises_over_a_tenth_then_falls_to_nothing():
    rates = [learning_rate("cosine", 0.01, step, 200) for step in range(1, 201)]
    assert rates[19] == max(rates) == 0.01
    assert (np.diff(rates[:20]) > 0).all()
    assert (np.diff(rates[19:]) < 0).all()
    assert rates[0] == pytest.approx(0.0005)
    assert rates[109] == pytest.approx(0.005)  # half way down
    assert rates[-1] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_short_cosine_is_never_negative_nor_over_the_peak(steps):
    assert all(0 <= learning_rate("cosine", 0.01, step, steps) <= 0.01 for step in range(1, steps + 1))


def test_the_schedule_is_followed(dataset):
    steps = run(dataset, schedule="cosine")
    assert [one.learning_rate for one in steps] == [learning_rate("cosine", 0.01, step, 20) for step in range(1, 21)]


# What is refused


@pytest.mark.parametrize(("batch", "kept"), [(201, 40), (20, 221), (20, 240), (20, 300)])
def test_a_batch_larger_than_what_is_left_is_refused(dataset, batch, kept):
    with pytest.raises(ValueError, match=f"batch.size {batch} .* {max(240 - kept, 0)} images"):
        next(train(tiny(), dataset, replace(CONFIG, batch_size=batch, validation_images=kept)))


def test_a_loss_that_is_no_number_ends_the_run_in_a_sentence(dataset):
    network = NetworkConfig(convolutions=(Convolution(8, 5, 3),) * 2, dense_units=(32, 32), activation="linear")
    with pytest.raises(Diverged, match=r"step \d+: its loss is no longer a number"):
        run(dataset, network=network, epochs=20, optimizer="sgd", learning_rate=10)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("epochs", value) for value in (0, -1, 101, 2.5, "5", None, True)),
        *(("batch_size", value) for value in (0, -32, 4097, 1.5, "many")),
        *(("learning_rate", value) for value in (0, -0.1, 11, float("nan"), float("inf"), "fast")),
        *(("optimizer", value) for value in ("lion", "Adam", None)),
        *(("schedule", value) for value in ("linear", None)),
        *(("loss", value) for value in ("hinge", None)),
        *(("training_images", value) for value in (0, 60_001, 0.5)),
        *(("validation_images", value) for value in (-1, 30_001, "all")),
        *(("seed", value) for value in (-1, 2**31, 0.5)),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(name, value):
    with pytest.raises(SettingError, match=r"(?i)" + name.replace("_", " ")) as refusal:
        TrainingConfig(**{name: value})
    assert refusal.value.setting == name
    assert "\n" not in str(refusal.value)


def test_a_batch_larger_than_the_images_to_learn_from_is_refused_at_once():
    with pytest.raises(SettingError, match=r"(?i)batch size takes a whole number from 1 to 100"):
        TrainingConfig(training_images=100, batch_size=128)


@pytest.mark.parametrize("name", training.PRESETS)
def test_every_preset_can_train_on_mnist(name):
    config = training.PRESETS[name]
    assert config.batch_size <= 60_000 - config.validation_images


# The pen's images


def test_the_pens_images_are_learnt_from_besides(dataset):
    plain, more = run(dataset, epochs=1), run(dataset, epochs=1, pen_digits=40, pen_others=20)
    assert (plain[-1].steps, more[-1].steps) == (10, 13)
    assert 0 <= more[-1].accuracy <= 1


def test_on_what_is_no_digit_a_network_learns_to_be_unsure(dataset):
    model = tiny()
    run(dataset, model, epochs=12, pen_others=200)
    others = np.stack([pen.page(pen.NOT_A_DIGIT, 10**6 + number) for number in range(50)])
    sure = np.asarray(model(others)).max(1)
    unlike = tiny()
    run(dataset, unlike, epochs=12)
    assert np.median(sure) < 0.6 * np.median(np.asarray(unlike(others)).max(1))


def test_a_run_with_the_pens_images_repeats(dataset):
    changes = {"epochs": 2, "pen_digits": 20, "pen_others": 20}
    assert run(dataset, **changes)[-1].loss == run(dataset, **changes)[-1].loss
