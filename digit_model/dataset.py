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

    shift: pixels, to each side.
    turn: degrees, either way.
    scale: fraction, smaller or larger, for width and height apart.
    slant: degrees, either way.
    thickness: pixels that the pen may be thinner or thicker (half as many thinner).
    """

    shift: float = 0.0
    turn: float = 0.0
    scale: float = 0.0
    slant: float = 0.0
    thickness: float = 0.0

    def __post_init__(self):
        limits = {"shift": 10, "turn": 90, "scale": 0.9, "slant": 60, "thickness": 3}
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
    transforms = _transforms(ops.shape(images)[0], augmentation, seed)
    images = ops.image.affine_transform(images[..., None], transforms, interpolation="bilinear")[..., 0]
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


def _transforms(n, augmentation, seed):
    """Random affine maps (n, 8) about the centre, from output to input pixels, for ops.image.affine_transform."""
    import keras
    from keras import ops

    def draw(limit):
        return keras.random.uniform((n,), -limit, limit, seed=seed)

    turn, slant = draw(np.deg2rad(augmentation.turn)), ops.tan(draw(np.deg2rad(augmentation.slant)))
    width, height = (ops.exp(draw(np.log1p(augmentation.scale))) for _ in "xy")
    cos, sin, centre = ops.cos(turn), ops.sin(turn), 13.5
    a, b = cos / width, (cos * slant - sin) / width
    d, e = sin / height, (sin * slant + cos) / height
    c = centre - a * centre - b * centre + draw(augmentation.shift)
    f = centre - d * centre - e * centre + draw(augmentation.shift)
    zero = ops.zeros_like(a)
    return ops.stack([a, b, c, d, e, f, zero, zero], axis=1)
