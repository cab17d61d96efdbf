"""Runs of many visitors: one at a time, each their own models, a bounded number of them."""

from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from digit_model import network, training
from digit_model.checks import SettingError
from digit_model.dataset import Dataset, load_mnist
from digit_model.evaluation import evaluate
from digit_model.runs import DONE, FAILED, PAUSED, STOPPED, WAITING, Settings, Visitors

TINY = network.NetworkConfig(dense_units=(8,))
CONFIG = training.TrainingConfig(epochs=1, batch_size=20, training_images=200, validation_images=40)
ENDLESS = replace(CONFIG, epochs=100, batch_size=1)
SHIPPED = SimpleNamespace(model=object())
SECONDS = 60  # far longer than any of these waits takes


@pytest.fixture(autouse=True)
def little_mnist(monkeypatch):
    """A few of MNIST's images, so that a run and its evaluation take a moment."""
    from digit_model import dataset, runs

    def load(split="train"):
        whole = dataset.load_mnist(split)
        return Dataset(whole.images[:300], whole.labels[:300])

    monkeypatch.setattr(runs, "load_mnist", load)


@pytest.fixture
def visitors():
    shipped = Future()
    shipped.set_result(SHIPPED)
    made = Visitors(shipped, models=2, patience=SECONDS)
    yield made
    for name in ("ada", "bob", "cleo"):
        if made.get(name).latest:
            made.get(name).latest.stop()
            made.get(name).latest.join(SECONDS)


def settings(config=CONFIG, model=None):
    return Settings("tiny", TINY, config, model)


def until(run, condition):
    """Waits for the run to come to a condition that its line tells of."""
    for _ in range(SECONDS * 100):
        if condition():
            return
        run.join(0.01)
    raise AssertionError("the run did not come to it")


def finished(run):
    run.join(SECONDS)
    assert run.over
    return run


def test_a_run_trains_to_its_end_and_then_reads_for_its_visitor(visitors):
    run = finished(visitors.start("ada", settings()))
    assert run.state == DONE
    assert run.progress.step == run.progress.steps == 10
    assert run.curve[-1][0] == 1.0
    assert 0 <= run.evaluation.accuracy <= 1
    assert visitors.recognizer("ada") is run.recognizer
    assert visitors.reader("ada") == "run 1, tiny"


def test_two_visitors_have_models_of_their_own(visitors):
    ada = finished(visitors.start("ada", settings()))
    bob = finished(visitors.start("bob", settings(replace(CONFIG, seed=1))))
    assert visitors.recognizer("ada") is ada.recognizer
    assert visitors.recognizer("bob") is bob.recognizer
    assert visitors.recognizer("cleo") == SHIPPED
    weights = [run.recognizer.model.get_weights()[0] for run in (ada, bob)]
    assert not np.allclose(*weights)


def test_one_run_trains_at_a_time_and_the_other_sees_its_place(visitors):
    first = visitors.start("ada", settings(ENDLESS))
    second = visitors.start("bob", settings())
    until(first, lambda: first.progress)
    assert (first.place, second.place) == (0, 1)
    assert (second.state, second.progress) == (WAITING, None)
    first.stop()
    assert finished(second).state == DONE


def test_stop_ends_the_run_and_keeps_what_was_learnt(visitors):
    run = visitors.start("ada", settings(ENDLESS))
    until(run, lambda: run.progress)
    run.stop()
    step = run.progress.step
    assert finished(run).state == STOPPED
    assert run.progress.step <= step + 1
    assert visitors.recognizer("ada") is run.recognizer


def test_stop_before_the_first_step_leaves_the_old_model_reading(visitors):
    first = visitors.start("ada", settings(ENDLESS))
    waiting = visitors.start("bob", settings())
    waiting.stop()
    assert finished(waiting).state == STOPPED
    assert "before the first step" in waiting.message
    assert visitors.recognizer("bob") == SHIPPED
    first.stop()


def test_a_paused_run_steps_one_by_one_and_lets_others_train(visitors):
    run = visitors.start("ada", settings(ENDLESS))
    until(run, lambda: run.progress)
    run.pause()
    until(run, lambda: run.state == PAUSED)
    step = run.progress.step
    assert finished(visitors.start("bob", settings())).state == DONE
    run.step()
    until(run, lambda: run.progress.step == step + 1 and run.state == PAUSED)
    run.resume()
    until(run, lambda: run.progress.step > step + 2)


def test_the_learning_rate_changes_while_it_runs(visitors):
    run = visitors.start("ada", settings(ENDLESS))
    until(run, lambda: run.progress)
    run.set_learning_rate(0.0001)
    until(run, lambda: run.progress.learning_rate == 0.0001)
    with pytest.raises(SettingError, match="Learning rate"):
        run.set_learning_rate("abc")


def test_a_diverged_run_ends_with_a_sentence_and_the_old_model_reads(visitors):
    broken = network.build(TINY)
    broken.set_weights([np.full_like(weights, np.nan) for weights in broken.get_weights()])
    run = finished(visitors.start("ada", settings(model=broken)))
    assert run.state == FAILED
    assert "smaller rate" in run.message
    assert visitors.recognizer("ada") == SHIPPED


def test_a_second_press_on_train_is_refused_while_the_first_runs(visitors):
    visitors.start("ada", settings(ENDLESS))
    with pytest.raises(ValueError, match="still under way"):
        visitors.start("ada", settings())


def test_nobody_watching_ends_the_run(visitors):
    visitors.patience = 0
    run = finished(visitors.start("ada", settings(ENDLESS)))
    assert run.state == STOPPED


def test_the_oldest_models_are_put_away_with_a_sentence(visitors):
    runs = [finished(visitors.start(name, settings())) for name in ("ada", "bob", "cleo")]
    assert [run.recognizer is not None for run in runs] == [False, True, True]
    assert visitors.recognizer("ada") == SHIPPED
    assert "put away" in visitors.notice("ada")
    assert visitors.notice("cleo") == visitors.notice("nobody") == ""


def test_who_is_gone_for_long_is_forgotten(visitors):
    finished(visitors.start("ada", settings()))
    visitors.memory = 0
    visitors.get("bob")
    assert visitors.get("ada").runs == []


def test_reading_is_a_sign_of_a_visitor_too(visitors):
    for name in ("ada", "bob"):
        visitors.get(name)
    visitors.recognizer("ada")
    assert visitors.names() == ["bob", "ada"]


def test_going_on_from_a_model_leaves_that_model_as_it_was(visitors):
    first = finished(visitors.start("ada", settings()))
    before = [weights.copy() for weights in first.recognizer.model.get_weights()]
    second = finished(visitors.start("ada", settings(model=first.recognizer.model)))
    after = first.recognizer.model.get_weights()
    assert all(np.array_equal(old, new) for old, new in zip(before, after, strict=True))
    assert not np.array_equal(before[0], second.recognizer.model.get_weights()[0])
    assert second.settings.model is None, "the old model would be kept as long as the new one"


def test_the_pinned_drawing_and_the_test_images_are_read_as_it_learns(visitors):
    pinned = np.zeros((28, 28), np.uint8)
    run = finished(visitors.start("ada", settings(), pinned))
    probabilities, seen = run.seen
    assert probabilities.shape == (10,)
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert seen.shape == (48,)


def test_a_loaded_model_reads_at_once(visitors):
    visitors.take_in("ada", "mine.keras", network.build(TINY))
    assert visitors.reader("ada") == "run 1, mine.keras"
    assert visitors.get("ada").latest.evaluation.accuracy > 0
    visitors.read_with("ada", None)
    assert visitors.reader("ada") == "the shipped network"


def test_a_model_that_fails_as_it_is_taken_in_locks_nobody_out(visitors, monkeypatch):
    def fails(model, dataset):
        raise MemoryError("too large")

    with monkeypatch.context() as broken:
        broken.setattr("digit_model.runs.evaluate", fails)
        with pytest.raises(MemoryError):
            visitors.take_in("ada", "mine.keras", network.build(TINY))
    assert visitors.recognizer("ada") is SHIPPED
    assert finished(visitors.start("ada", settings())).state == DONE


# Corrections


@pytest.fixture
def odd():
    """Five images that no digit looks like."""
    return np.random.default_rng(0).integers(0, 256, (5, 28, 28)).astype(np.uint8)


@pytest.fixture
def trained(visitors):
    """The visitors, of whom ada has trained a network."""
    finished(visitors.start("ada", settings()))
    return visitors


def shares(visitors, image):
    return visitors.recognizer("ada").read(image)


def test_a_correction_teaches_the_visitors_own_model_and_tells_its_cost(trained, odd):
    wrong = (shares(trained, odd[0]).argmax() + 1) % 10
    whole = evaluate(trained.recognizer("ada").model, load_mnist("test"))
    before, after = trained.correct("ada", odd[0], wrong)
    assert shares(trained, odd[0]).argmax() == wrong
    assert 0 <= after <= 1
    assert before == pytest.approx(whole.accuracy, abs=1e-3)
    assert trained.reader("ada") == "run 1 with 1 correction"
    assert trained.recognizer("bob") == SHIPPED


def test_corrections_add_up_in_one_run_and_are_taken_back_one_by_one(trained, odd):
    first = trained.recognizer("ada")
    readings = [shares(trained, odd[0])]
    for image in odd[:3]:
        trained.correct("ada", image, 5)
        readings.append(shares(trained, odd[0]))
    assert len(trained.get("ada").runs) == 2
    assert trained.corrections("ada") == 3
    for reading in reversed(readings[:-1]):
        trained.take_back("ada")
        assert shares(trained, odd[0]) == pytest.approx(reading, abs=1e-4)
    assert trained.recognizer("ada") is first
    assert [run.number for run in trained.get("ada").runs] == [1]
    with pytest.raises(ValueError, match="no correction"):
        trained.take_back("ada")


def test_the_same_drawing_corrected_again_is_what_was_said_last(trained, odd):
    trained.correct("ada", odd[0], 3)
    trained.correct("ada", odd[0], 5)
    assert trained.corrections("ada") == 1
    assert shares(trained, odd[0]).argmax() == 5


def test_a_further_correction_leaves_the_model_before_it_as_it_was(trained, odd):
    trained.correct("ada", odd[0], 3)
    model = trained.recognizer("ada").model
    before = model.layers[-1].get_weights()[0]
    trained.correct("ada", odd[1], 5)
    assert np.array_equal(before, model.layers[-1].get_weights()[0])


def test_what_is_chosen_while_a_correction_is_learnt_stays_chosen(trained, odd, monkeypatch):
    from digit_model import runs

    def choosing(*arguments):
        trained.read_with("ada", None)
        return learn(*arguments)

    learn = runs.correct
    monkeypatch.setattr(runs, "correct", choosing)
    with pytest.raises(ValueError, match="Another network reads now"):
        trained.correct("ada", odd[0], 5)
    assert trained.reader("ada") == "the shipped network"
    assert len(trained.get("ada").runs) == 1


def test_corrections_that_were_put_away_are_still_called_so(trained, odd):
    trained.correct("ada", odd[0], 5)
    for name in ("bob", "cleo"):
        finished(trained.start(name, settings()))
    run = trained.get("ada").latest
    assert run.recognizer is None
    assert str(run.lesson) == "1 correction"
    assert trained.corrections("ada") == 0


def test_taking_back_finds_a_network_that_was_put_away(trained, odd):
    reading = shares(trained, odd[0])
    trained.correct("ada", odd[0], 5)
    finished(trained.start("bob", settings()))
    assert trained.get("ada").runs[0].recognizer is None
    trained.take_back("ada")
    assert shares(trained, odd[0]) == pytest.approx(reading, abs=1e-4)


def test_a_network_that_cannot_be_corrected_reads_on_and_nothing_is_locked(visitors, odd):
    wide = network.NetworkConfig(convolutions=(network.Convolution(8, 3),))
    visitors.take_in("ada", "wide.keras", network.build(wide))
    with pytest.raises(ValueError, match="5,408 numbers"):
        visitors.correct("ada", odd[0], 5)
    assert visitors.reader("ada") == "run 1, wide.keras"
    assert finished(visitors.start("ada", settings())).state == DONE


def test_a_correction_while_a_run_is_under_way_is_refused(trained, odd):
    run = trained.start("ada", settings(ENDLESS))
    with pytest.raises(ValueError, match="still under way"):
        trained.correct("ada", odd[0], 5)
    run.stop()


def test_corrections_have_a_bound(trained, odd, monkeypatch):
    monkeypatch.setattr("digit_model.runs.MOST_CORRECTIONS", 1)
    trained.correct("ada", odd[0], 5)
    with pytest.raises(ValueError, match="Undo one first"):
        trained.correct("ada", odd[1], 5)
    assert trained.corrections("ada") == 1


def test_a_network_trained_after_a_correction_reads_without_it(trained, odd):
    trained.correct("ada", odd[0], 5)
    finished(trained.start("ada", settings()))
    assert trained.reader("ada") == "run 3, tiny"
    assert trained.corrections("ada") == 0
