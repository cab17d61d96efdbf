"""A network behind predict(): digits are read, nothing is not, and threads don't disturb one another."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from drawings import LETTERS, STRANGE, STROKES, draw, letter, photograph
from PIL import Image

from digit_model import PictureError, Recognizer, network, pen
from digit_model.dataset import load_mnist


@pytest.mark.parametrize("digit", STROKES)
def test_a_drawn_digit_is_read(recognizer, digit):
    prediction = recognizer.predict(draw(digit))
    assert prediction.digit == digit
    assert type(prediction.digit) is int
    assert prediction.confidence == prediction.probabilities.max() > 0.5


def test_ten_probabilities_add_up_to_one(recognizer):
    probabilities = recognizer.predict(draw(2)).probabilities
    assert probabilities.shape == (10,)
    assert probabilities.dtype == np.float64
    assert probabilities.sum() == pytest.approx(1, abs=1e-12)
    assert (probabilities >= 0).all()


def test_where_nothing_is_drawn_no_digit_is_read(recognizer):
    prediction = recognizer.predict(np.full((400, 400), 255, np.uint8))
    assert prediction.digit is None
    assert prediction.confidence is None
    assert (prediction.probabilities == 0.1).all()
    assert prediction.stages.blank


@pytest.mark.parametrize("name", [*LETTERS, "scribble"])
def test_what_is_no_digit_is_declined_and_guessed_at(recognizer, name):
    predictions = [recognizer.predict(letter(name, np.random.default_rng(number))) for number in range(20)]
    assert sum(prediction.digit is None for prediction in predictions) >= 17
    assert all(prediction.guess in range(10) for prediction in predictions)


def test_what_is_no_digit_and_was_never_learnt_is_declined_too(recognizer):
    rng = np.random.default_rng(0)
    predictions = [recognizer.predict(letter(name, rng)) for name in STRANGE for _ in range(10)]
    assert np.mean([prediction.digit is None for prediction in predictions]) >= 0.85


def test_digits_in_other_schools_shapes_are_read(recognizer):
    rng = np.random.default_rng(3)
    for digit, shapes in enumerate(pen.DIGITS):
        right = [recognizer.read(pen.render(pen.write(shape, rng), 0.1)).argmax() == digit for shape in shapes]
        assert np.mean(right) > 0.7, digit


def test_what_was_read_comes_with_it(recognizer):
    prediction = recognizer.predict(draw(7))
    assert prediction.stages.normalize.shape == (28, 28)
    direct = np.asarray(recognizer.model(prediction.stages.normalize[None], training=False))[0]
    assert prediction.probabilities == pytest.approx(direct, abs=1e-5)


def test_a_picture_and_its_array_are_read_alike(recognizer):
    page = draw(4)
    readings = [recognizer.predict(picture).probabilities for picture in (page, Image.fromarray(page), 255 - page)]
    assert readings[1] == pytest.approx(readings[0], abs=1e-6)
    assert readings[2] == pytest.approx(readings[0], abs=0.05)


@pytest.mark.parametrize("digit", [0, 2, 4, 5, 7])
def test_a_photographed_digit_is_read(recognizer, digit):
    page = draw(digit, height=460, place=(380, 160), pen=40, page=(1000, 800))
    assert recognizer.predict(photograph(page)).digit == digit


@pytest.mark.parametrize(("height", "pen", "place"), [(18, 3, (20, 370)), (60, 6, (330, 20)), (330, 60, (90, 35))])
def test_place_size_and_brush_do_not_matter(recognizer, height, pen, place):
    assert [recognizer.predict(draw(digit, height, place, pen)).digit for digit in STROKES] == list(STROKES)


def test_mnist_is_read_as_pictures_too(recognizer):
    images, labels = load_mnist("test")
    read = [recognizer.predict(255 - np.pad(np.kron(image, np.ones((8, 8))), 60)).digit for image in images[:60]]
    assert np.mean(np.array(read) == labels[:60]) > 0.95


def test_eight_threads_get_the_answers_that_one_gets(recognizer):
    pages = [draw(digit, pen=pen) for digit in STROKES for pen in (10, 20)] * 4
    alone = [recognizer.predict(page).probabilities for page in pages]
    with ThreadPoolExecutor(8) as pool:
        together = [prediction.probabilities for prediction in pool.map(recognizer.predict, pages)]
    assert all((one == other).all() for one, other in zip(alone, together, strict=True))


def test_a_model_just_built_can_read():
    untrained = Recognizer(network.build(network.NetworkConfig()))
    assert untrained.predict(draw(7)).probabilities.sum() == pytest.approx(1)


def test_a_model_file_of_ones_own_is_read_with(tmp_path):
    model = network.build(network.NetworkConfig(dense_units=(4,)))
    network.save(model, tmp_path / "own.keras")
    own, again = Recognizer(model), Recognizer.load(tmp_path / "own.keras")
    assert again.predict(draw(7)).probabilities == pytest.approx(own.predict(draw(7)).probabilities, abs=1e-6)


def test_what_cannot_be_read_is_refused(recognizer, tmp_path):
    with pytest.raises(PictureError):
        recognizer.predict("digit.png")
    with pytest.raises(FileNotFoundError):
        Recognizer.load(tmp_path / "none.keras")
