"""MNIST from assets/, and what varies it: small changes of place, size, slant and pen that leave a digit what it is."""

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from digit_model.checks import check_range

ASSETS = Path(__file__).resolve().parent.parent / "assets"
SIZES = {"train": 60_000, "test": 10_000}


class Dataset(NamedTuple):
    """Digits and what they are.

    images: uint8 (n, 28, 28), 0 (paper) to 255 (ink).
    labels: uint8 (n,), 0 to 9.
    """

    images: np.ndarray
    labels: np.ndarray


@cache
def load_mnist(split="train", folder=ASSETS):
    """MNIST's training or test images, from `folder`, else from `keras.datasets.mnist` (which downloads them).

    Args:
        split: "train" (60,000 images) or "test" (10,000 images).
        folder: where mnist_train.npz and mnist_test.npz lie.

    Returns:
        A Dataset.

    Raises:
        ValueError: for another split, or a file that does not hold what MNIST holds.

    Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", 1998.
    """
    if split not in SIZES:
        raise ValueError(f"MNIST has the splits train and test, not {split!r}.")
    path = Path(folder) / f"mnist_{split}.npz"
    if path.exists():
        return _checked(_read(path), split, path.name)
    import keras

    pairs = dict(zip(("train", "test"), keras.datasets.mnist.load_data(), strict=True))
    return _checked(Dataset(*pairs[split]), split, "keras.datasets.mnist")


def _read(path):
    try:
        with np.load(path, allow_pickle=False) as file:
            return Dataset(file["images"], file["labels"])
    except Exception as error:  # zipfile, zlib and NumPy each raise their own
        raise ValueError(
            f"{path.name} can't be read as MNIST ({error}). Fetch it again from the repository."
        ) from error


def _checked(dataset, split, source):
    images, labels = dataset
    n = SIZES[split]
    if images.shape != (n, 28, 28) or images.dtype != np.uint8:
        raise ValueError(f"{source} holds images {images.dtype} {images.shape}; MNIST's are uint8 ({n}, 28, 28).")
    if labels.shape != (n,) or labels.min() < 0 or labels.max() > 9:
        raise ValueError(f"{source} holds labels {labels.shape}; MNIST's are {n} numbers from 0 to 9.")
    return Dataset(images, labels.astype(np.uint8))


@dataclass(frozen=True)
class Augmentation:
    """How far each training image may be varied; every image gets its own draw, evenly spread in the range.

    shift: pixels, to each side, 0 to 10.
    turn: degrees, either way, 0 to 90.
    scale: share s, 0 to 0.9; width and height are each multiplied by 1 / (1 + s) to 1 + s, evenly in the logarithm.
    slant: degrees, either way, 0 to 60.
    bend: pixels, either way, 0 to 5, that each of 4 x 4 points is pushed, and the strokes between them along
        (P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks", 2003).
    thickness: pixels on each side of a stroke that the pen may be thicker, 0 to 3, or half as many (at most 1) thinner.

    Raises:
        SettingError: for a value out of these ranges.
    """

    shift: float = 0.0
    turn: float = 0.0
    scale: float = 0.0
    slant: float = 0.0
    bend: float = 0.0
    thickness: float = 0.0

    def __post_init__(self):
        limits = {"shift": 10, "turn": 90, "scale": 0.9, "slant": 60, "bend": 5, "thickness": 3}
        for field in fields(self):
            check_range(field.name, getattr(self, field.name), 0, limits[field.name])


def augment(images, augmentation, seed):
    """The images, each varied at random within `augmentation`.

    Args:
        images: uint8 or float32 (n, 28, 28), 0 to 255.
        augmentation: an Augmentation.
        seed: a `keras.random.SeedGenerator`; each call draws anew from it.

    Returns:
        A float32 tensor (n, 28, 28), 0 to 255, each image stretched to reach 255 as `sketch.normalize` does.
    """
    from keras import ops

    images = ops.cast(images, "float32")
    if augmentation.thickness:
        images = _thicken(images, augmentation.thickness, seed)
    images = _moved(images, *_places(ops.shape(images)[0], augmentation, seed))
    return images * 255 / ops.maximum(ops.max(images, axis=(1, 2), keepdims=True), 1)


def _thicken(images, most, seed):
    """Blends each image with its grey dilation (thicker) or erosion (thinner) by a random amount."""
    import keras
    from keras import ops

    amount = keras.random.uniform((ops.shape(images)[0],), -most / 2, most, seed=seed)
    images = ops.transpose(images, (1, 2, 0))[None]  # the batch as channels: pooling is ten times as fast so
    for step in range(int(np.ceil(most))):
        part = ops.clip(amount - step, 0, 1)
        images = (1 - part) * images + part * ops.max_pool(images, 3, 1, "same")
    part = ops.clip(-amount, 0, 1)
    images = (1 - part) * images - part * ops.max_pool(-images, 3, 1, "same")
    return ops.transpose(images[0], (2, 0, 1))


def _places(n, augmentation, seed):
    """Where each pixel of what comes out is read from: rows and columns, each (n, 28, 28), pixels from the top left."""
    import keras
    from keras import ops

    def draw(limit, shape=(1, 1)):
        return keras.random.uniform((n, *shape), -limit, limit, seed=seed)

    turn, slant = draw(np.deg2rad(augmentation.turn)), ops.tan(draw(np.deg2rad(augmentation.slant)))
    width, height = (ops.exp(draw(np.log1p(augmentation.scale))) for _ in "xy")
    right, down = draw(augmentation.shift), draw(augmentation.shift)
    centre = 13.5
    y, x = ops.meshgrid(ops.arange(28.0) - centre, ops.arange(28.0) - centre, indexing="ij")
    cos, sin = ops.cos(turn), ops.sin(turn)
    columns = centre + right + (cos * x + (cos * slant - sin) * y) / width
    rows = centre + down + (sin * x + (sin * slant + cos) * y) / height
    if augmentation.bend:
        pushed = ops.image.resize(draw(augmentation.bend, (4, 4, 2)), (28, 28), interpolation="bicubic")
        columns, rows = columns + pushed[..., 0], rows + pushed[..., 1]
    return rows, columns


def _moved(images, rows, columns):
    """Each image read at its rows and columns, bilinearly; 0 outside."""
    from keras import ops

    n = ops.shape(images)[0]
    tall = ops.reshape(ops.pad(images, ((0, 0), (1, 1), (0, 0))), (-1, 28))  # one below the other: quicker
    rows = ops.clip(rows, -1, 28) + 1 + 30 * ops.arange(n, dtype="float32")[:, None, None]
    places = ops.reshape(ops.stack([rows, columns]), (2, -1))
    return ops.reshape(ops.image.map_coordinates(tall, places, 1, "constant"), (-1, 28, 28))
