"""The numbers that come out of a model's answers, counted by hand."""

import numpy as np
import pytest

from digit_model.dataset import Dataset
from digit_model.evaluation import evaluate, judge

LABELS = np.array([0, 0, 0, 1, 1, 7], np.uint8)
READ = np.array([0, 0, 6, 1, 7, 7])


def model(images, training=False):
    """Reads each image as what its first pixel says, at 0.91."""
    assert not training
    probabilities = np.full((len(images), 10), 0.01, np.float32)
    probabilities[np.arange(len(images)), images[:, 0, 0]] = 0.91
    return probabilities


@pytest.fixture(scope="module")
def dataset():
    images = np.zeros((6, 28, 28), np.uint8)
    images[:, 0, 0] = READ
    return Dataset(images, LABELS)


@pytest.mark.parametrize("batch_size", [1, 4, 6, 500])
def test_the_share_read_right_is_the_accuracy(dataset, batch_size):
    result = evaluate(model, dataset, batch_size)
    assert result.accuracy == pytest.approx(4 / 6)
    assert result.probabilities.shape == (6, 10)


def test_each_digit_has_its_accuracy_and_nan_where_there_is_none(dataset):
    accuracy = evaluate(model, dataset).digit_accuracy
    assert accuracy[[0, 1, 7]] == pytest.approx([2 / 3, 1 / 2, 1])
    assert np.isnan(np.delete(accuracy, [0, 1, 7])).all()


def test_the_confusion_matrix_has_labels_in_rows_and_answers_in_columns(dataset):
    confusion = evaluate(model, dataset).confusion
    expected = np.zeros((10, 10), int)
    expected[0, 0], expected[0, 6], expected[1, 1], expected[1, 7], expected[7, 7] = 2, 1, 1, 1, 1
    assert (confusion == expected).all()


def test_the_loss_is_the_mean_cross_entropy(dataset):
    loss = evaluate(model, dataset).loss
    assert loss == pytest.approx(-(4 * np.log(0.91) + 2 * np.log(0.01)) / 6, abs=1e-5)


def test_a_certain_mistake_has_a_finite_loss(dataset):
    def certain(images, training=False):
        return np.eye(10, dtype=np.float32)[images[:, 0, 0]]

    assert np.isfinite(evaluate(certain, dataset).loss)


def test_a_cell_of_the_matrix_leads_to_its_images(dataset):
    result = evaluate(model, dataset)
    assert result.cell(LABELS, 0, 0).tolist() == [0, 1]
    assert result.cell(LABELS, 0, 6).tolist() == [2]
    assert result.cell(LABELS, 9, 9).tolist() == []


def test_the_worst_mistakes_are_the_most_certain_ones_first(dataset):
    result = evaluate(model, dataset)
    result.probabilities[4] = 0.001
    result.probabilities[4, 7] = 0.991
    assert result.worst_mistakes(LABELS).tolist() == [4, 2]


def test_an_evaluation_that_is_told_to_stop_reads_no_further_batch():
    import keras

    asked, read = iter([False, True]), []
    model = keras.Sequential([keras.layers.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])

    def counting(images, training):
        read.append(len(images))
        return model(images, training=training)

    dataset = Dataset(np.zeros((30, 28, 28), np.uint8), np.zeros(30, np.uint8))
    assert evaluate(counting, dataset, batch_size=10, stopping=lambda: next(asked)) is None
    assert read == [10]


def test_confidence_that_means_what_it_says_has_no_calibration_error():
    labels = np.array([0] * 9 + [1], np.uint8)
    probabilities = np.tile(np.float32([0.9, 0.1] + [0] * 8), (10, 1))
    result = judge(probabilities, labels)
    (row,) = result.reliability(labels)
    assert row == pytest.approx((0.9, 1.0, 10, 0.9, 0.9))
    assert result.calibration_error(labels) == pytest.approx(0, abs=1e-6)


def test_too_sure_a_network_has_a_calibration_error():
    labels = np.array([0, 1, 1, 1], np.uint8)
    result = judge(np.tile(np.float32([1.0] + [0] * 9), (4, 1)), labels)
    assert result.reliability(labels)[-1].accuracy == 0.25
    assert result.calibration_error(labels) == pytest.approx(0.75)
    assert sum(row.count for row in result.reliability(labels)) == 4
