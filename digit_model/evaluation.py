"""How well a network reads labelled images: accuracy, for each digit too, the confusion matrix, and calibration."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a model made of a dataset.

    probabilities: float32 (n, 10), what the model said of each image.
    loss: their mean cross-entropy, in nats.
    confusion: int (10, 10), how many images of the digit [row] were read as the digit [column].
    """

    probabilities: np.ndarray
    loss: float
    confusion: np.ndarray

    @property
    def accuracy(self):
        """The share of images read right, 0 to 1."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def digit_accuracy(self):
        """The share of each digit's images read right, float (10,), 0 to 1; NaN for a digit with no image."""
        counts = self.confusion.sum(1)
        return np.divide(np.diag(self.confusion), counts, out=np.full(10, np.nan), where=counts > 0)

    def cell(self, labels, digit, read):
        """The places of the images of `digit` that were read as `read`; labels: uint8 (n,)."""
        return np.flatnonzero((labels == digit) & (self.probabilities.argmax(1) == read))

    def worst_mistakes(self, labels):
        """The places of the images that were read wrong, the most surely wrong first; labels: uint8 (n,)."""
        wrong = np.flatnonzero(self.probabilities.argmax(1) != labels)
        return wrong[np.argsort(-self.probabilities[wrong].max(1))]

    def reliability(self, labels, bins=10):
        """Whether confidence means what it says; labels: uint8 (n,).

        Returns:
            A list of Confidence, the range 0 to 1 parted evenly in `bins`, without those that hold no image.
        """
        confidence = self.probabilities.max(1)
        right = self.probabilities.argmax(1) == labels
        place = np.minimum((confidence * bins).astype(int), bins - 1)
        return [
            Confidence(
                n / bins, (n + 1) / bins, int(here.sum()), float(confidence[here].mean()), float(right[here].mean())
            )
            for n in range(bins)
            if (here := place == n).any()
        ]

    def calibration_error(self, labels):
        """The expected calibration error, 0 to 1, over ten bins; labels: uint8 (n,).

        Source: C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On calibration of modern neural networks", 2017.
        """
        return sum(row.count * abs(row.confidence - row.accuracy) for row in self.reliability(labels)) / len(labels)


class Confidence(NamedTuple):
    """The images read with a confidence from `low` to `high`: how many, their mean confidence, their accuracy."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def evaluate(model, dataset, batch_size=200, stopping=lambda: False):
    """Reads every image of a Dataset with a Keras model.

    Returns:
        An Evaluation, or None where `stopping()`, asked before each batch, was True.
    """
    read = []
    for start in range(0, len(dataset.images), batch_size):
        if stopping():
            return None
        read.append(model(dataset.images[start : start + batch_size], training=False))
    return judge(np.concatenate(read), dataset.labels)


def judge(probabilities, labels):
    """An Evaluation of what was said, float32 (n, 10), of images whose digits are `labels`, uint8 (n,)."""
    right = probabilities[np.arange(len(probabilities)), labels]
    loss = -float(np.log(np.maximum(right, 1e-7)).mean())
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (labels, probabilities.argmax(1)), 1)
    return Evaluation(probabilities, loss, confusion)
