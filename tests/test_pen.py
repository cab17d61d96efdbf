"""The procedural pen: digits in many shapes, and what is no digit."""

from itertools import pairwise

import numpy as np
import pytest

from digit_model import pen, sketch

SHAPES = [shape for shapes in pen.DIGITS for shape in shapes] + list(pen.OTHERS)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_can_be_written(shape):
    strokes = pen.write(shape, rng())
    assert len(strokes) == shape.count("|") + 1
    assert all(stroke.ndim == 2 and stroke.shape[1] == 2 and len(stroke) > 1 for stroke in strokes)
    assert np.isfinite(np.concatenate(strokes)).all()


@pytest.mark.parametrize("label", range(11))
def test_a_page_is_an_image_as_mnist_has_them(label):
    image = pen.page(label, label)
    assert (image.shape, image.dtype) == ((28, 28), np.uint8)
    assert (image.min(), image.max()) == (0, 255)
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    assert 19 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= sketch.LONGER_SIDE + 2


def test_the_same_seed_writes_the_same_page_and_another_a_different_one():
    assert np.array_equal(pen.page(5, 1), pen.page(5, 1))
    assert not np.array_equal(pen.page(5, 1), pen.page(5, 2))


def test_a_hand_varies_what_it_writes():
    images = [pen.page(3, seed).astype(float) for seed in range(8)]
    assert np.mean([np.abs(one - other).mean() for one, other in pairwise(images)]) > 10


def test_a_broader_pen_leaves_more_ink():
    strokes = pen.write(pen.DIGITS[7][0], rng())
    assert pen.render(strokes, 0.2).mean() > 1.5 * pen.render(strokes, 0.1).mean()


def test_a_smooth_shape_passes_through_its_points_and_bends_between():
    (stroke,) = pen.write("0,0 50,100 100,0", rng())
    steps = np.diff(stroke, axis=0)
    angles = np.abs(np.diff(np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))))
    assert len(stroke) > 10
    assert np.median(angles) < 0.6


def test_the_slashed_zero_and_the_crossed_seven_are_among_the_shapes():
    assert any(shape.count("|") == 1 for shape in pen.DIGITS[0])
    assert any(shape.count("|") == 1 for shape in pen.DIGITS[7])


def test_two_digits_side_by_side_do_not_overlap():
    wide = [pen.other(rng(seed)) for seed in range(60)]
    assert any(np.ptp(np.concatenate(strokes)[:, 0]) > 1.2 for strokes in wide)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_no_digit_is_written_too(seed):
    assert np.concatenate(pen.other(rng(seed))).shape[1] == 2
    assert pen.page(pen.NOT_A_DIGIT, seed).max() == 255
