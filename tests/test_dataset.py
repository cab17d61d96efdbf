"""MNIST is what it should be, and augmentation varies it within what was asked."""

import hashlib
import struct

import numpy as np
import pytest

from digit_model.checks import SettingError
from digit_model.dataset import Augmentation, Dataset, augment, load_mnist


def blob(n=16):
    """White 8 x 8 squares in the middle of black images."""
    images = np.zeros((n, 28, 28), np.uint8)
    images[:, 10:18, 10:18] = 255
    return images


def varied(images, seed=1, **settings):
    import keras

    return np.asarray(augment(images, Augmentation(**settings), keras.random.SeedGenerator(seed)))


def centres(images):
    weights = images.sum((1, 2))
    rows, columns = np.indices((28, 28))
    return np.stack([(images * rows).sum((1, 2)) / weights, (images * columns).sum((1, 2)) / weights])


# Loading


@pytest.mark.parametrize(
    ("split", "counts"),
    [
        ("train", [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
        ("test", [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]),
    ],
)
def test_mnist_has_its_images_and_as_many_of_each_digit(split, counts):
    images, labels = load_mnist(split)
    assert images.shape == (sum(counts), 28, 28)
    assert images.dtype == labels.dtype == np.uint8
    assert images.min() == 0
    assert images.max() == 255
    assert np.bincount(labels).tolist() == counts


@pytest.mark.parametrize(
    ("split", "place", "label"), [("test", 0, 7), ("test", 4444, 9), ("train", 0, 5), ("train", 7777, 8)]
)
def test_well_known_images_are_what_they_are(split, place, label):
    images, labels = load_mnist(split)
    assert labels[place] == label
    assert 20 < images[place].mean() < 60


def test_mnist_is_light_ink_on_dark_paper():
    images = load_mnist("test").images
    assert (images[:, 0, 0] == 0).all()
    assert images.mean() == pytest.approx(33.8, abs=0.1)


@pytest.mark.parametrize("split", ["validation", "", None])
def test_another_split_is_refused(split):
    with pytest.raises(ValueError, match="splits train and test, not"):
        load_mnist(split)


def test_a_damaged_file_is_refused_in_a_sentence_that_names_it(tmp_path):
    np.savez_compressed(tmp_path / "mnist_test.npz", images=blob(500), labels=np.zeros(500, np.uint8))
    data = (tmp_path / "mnist_test.npz").read_bytes()
    (tmp_path / "mnist_test.npz").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"mnist_test\.npz can't be read"):
        load_mnist("test", tmp_path)


def test_a_file_with_pickled_objects_is_refused(tmp_path):
    np.savez(tmp_path / "mnist_test.npz", images=np.array([object()]), labels=np.zeros(1))
    with pytest.raises(ValueError, match=r"mnist_test\.npz can't be read"):
        load_mnist("test", tmp_path)


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (np.zeros((10, 28, 28), np.uint8), np.zeros(10, np.uint8), r"holds images uint8 \(10, 28, 28\)"),
        (np.zeros((10_000, 28, 28)), np.zeros(10_000, np.uint8), "float64"),
        (np.zeros((10_000, 28, 28), np.uint8), np.zeros(9_999, np.uint8), r"holds labels \(9999,\)"),
        (np.zeros((10_000, 28, 28), np.uint8), np.full(10_000, 10, np.uint8), "from 0 to 9"),
    ],
    ids=["ten images", "float images", "a label too few", "a label 10"],
)
def test_a_file_that_holds_something_else_is_refused(tmp_path, images, labels, words):
    np.savez_compressed(tmp_path / "mnist_test.npz", images=images, labels=labels)
    with pytest.raises(ValueError, match=words):
        load_mnist("test", tmp_path)


def test_without_the_file_keras_is_asked(tmp_path, monkeypatch):
    import keras

    shapes = {"train": 60_000, "test": 10_000}
    pairs = tuple((np.full((n, 28, 28), n // 10_000, np.uint8), np.zeros(n, np.int64)) for n in shapes.values())
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: pairs)
    for split, n in shapes.items():
        dataset = load_mnist(split, tmp_path)
        assert isinstance(dataset, Dataset)
        assert dataset.images.shape == (n, 28, 28)
        assert dataset.images[0, 0, 0] == n // 10_000
        assert dataset.labels.dtype == np.uint8


# Augmentation


def test_no_augmentation_gives_the_same_images():
    images = load_mnist("test").images[:20]
    same = varied(images)
    assert same == pytest.approx(images * (255 / images.max((1, 2), keepdims=True)), abs=0.01)


def test_values_and_shape_stay_what_they_are():
    images = varied(load_mnist("test").images[:50], shift=3, turn=20, scale=0.2, slant=20, bend=2, thickness=1.5)
    assert images.shape == (50, 28, 28)
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max((1, 2)) == pytest.approx(np.full(50, 255), abs=0.01)


def test_one_seed_gives_one_result_and_each_draw_another():
    import keras

    settings = Augmentation(shift=2, turn=10, scale=0.1, slant=10, bend=1, thickness=1)
    draws = keras.random.SeedGenerator(5)
    first, second = (np.asarray(augment(blob(), settings, draws)) for _ in range(2))
    again = varied(blob(), seed=5, shift=2, turn=10, scale=0.1, slant=10, bend=1, thickness=1)
    assert (first == again).all()
    assert np.abs(first - second).mean() > 1
    assert np.abs(first[0] - first[1]).mean() > 1


def test_a_shift_stays_within_its_limit_and_uses_it():
    moved = np.abs(centres(varied(blob(200), shift=3)) - 13.5)
    assert moved.max() <= 3.01
    assert moved.max() > 2.7


@pytest.mark.parametrize("axis", [0, 1])
def test_a_scale_stays_within_its_limit_to_either_side(axis):
    spans = (varied(blob(200), scale=0.25) > 127).any(2 - axis).sum(1)
    assert spans.min() == pytest.approx(8 / 1.25, abs=1)
    assert spans.max() == pytest.approx(8 * 1.25, abs=1)


def test_a_turn_goes_both_ways_and_keeps_the_centre():
    bars = np.zeros((100, 28, 28), np.uint8)
    bars[:, 4:24, 13:15] = 255
    turned = varied(bars, turn=30)
    assert centres(turned) == pytest.approx(np.full((2, 100), 13.5), abs=0.15)
    angles = np.degrees(np.arctan2(centres(turned * (np.indices((28, 28))[0] < 10))[1] - 13.5, 7))
    assert angles.min() < -20
    assert angles.max() > 20


def test_a_slant_moves_top_and_bottom_apart_and_leaves_the_height():
    bars = np.zeros((50, 28, 28), np.uint8)
    bars[:, 4:24, 13:15] = 255
    slanted = varied(bars, slant=30)
    assert ((slanted > 60).any(2).sum(1) == 20).all()
    top, bottom = (centres(slanted * (np.indices((28, 28))[0] // 14 == half))[1] - 13.5 for half in (0, 1))
    assert top == pytest.approx(-bottom, abs=0.2)
    assert np.abs(top).max() > 2


def test_a_bend_makes_straight_lines_crooked_within_its_limit():
    bars = np.zeros((100, 28, 28), np.uint8)
    bars[:, 4:24, 13:15] = 255
    bent = varied(bars, bend=2)[:, 6:22]
    middles = (bent * np.arange(28)).sum(2) / bent.sum(2)
    assert np.abs(middles - 13.5).max() < 2.5
    ends = (middles[:, :1] * np.linspace(1, 0, 16) + middles[:, -1:] * np.linspace(0, 1, 16))[:, 1:-1]
    assert np.median(np.abs(middles[:, 1:-1] - ends).max(1)) > 0.3


def test_nothing_comes_in_from_the_image_above_or_below():
    images = np.zeros((3, 28, 28), np.uint8)
    images[1] = 255
    above, _, below = varied(images, shift=10, turn=90, bend=5)
    assert above.max() == below.max() == 0


def test_thickness_makes_more_ink_on_average_and_sometimes_less():
    images = load_mnist("test").images[:200]
    before, after = images.mean((1, 2)), varied(images, thickness=1.5).mean((1, 2))
    assert after.mean() > 1.1 * before.mean()
    assert (after < before).any()


@pytest.mark.parametrize("name", ["shift", "turn", "scale", "slant", "bend", "thickness"])
@pytest.mark.parametrize("value", [-1, 1000, float("nan"), "2", None, True])
def test_a_setting_that_cannot_be_is_refused_by_name(name, value):
    with pytest.raises(SettingError, match=f"{name.capitalize()} takes a number from 0"):
        Augmentation(**{name: value})


@pytest.mark.parametrize(
    ("split", "images_md5", "labels_md5"),
    [
        ("train", "6bbc9ace898e44ae57da46a324031adb", "a25bea736e30d166cdddb491f175f624"),
        ("test", "2646ac647ad5339dbf082846283269ea", "27ae3e4e09519cfbb04c329615203637"),
    ],
)
def test_the_images_and_labels_are_those_of_the_original_files(split, images_md5, labels_md5):
    images, labels = load_mnist(split)
    heads = struct.pack(">4i", 2051, *images.shape), struct.pack(">2i", 2049, len(labels))
    sums = [hashlib.md5(head + part.tobytes()).hexdigest() for head, part in zip(heads, (images, labels), strict=True)]
    assert sums == [images_md5, labels_md5]
