"""A trained network behind predict(): from any picture to a digit and ten probabilities, from any number of threads."""

from dataclasses import dataclass

import numpy as np

from digit_model import network, sketch


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a network reads in a picture.

    digit: 0 to 9, or None where there is nothing to read.
    probabilities: float64 (10,), adding up to 1, of 0 to 9 in order; all 0.1 where there is nothing to read.
    stages: the sketch.Sketch that was read.
    """

    digit: int | None
    probabilities: np.ndarray
    stages: sketch.Sketch

    @property
    def confidence(self):
        """The probability of the digit that was read, 0 to 1, or None."""
        return None if self.digit is None else float(self.probabilities[self.digit])


class Recognizer:
    """Reads pictures with one Keras model, which is compiled here once and must not be trained further.

    Args:
        model: from uint8 or float (n, 28, 28), 0 to 255, to (n, 10); see network.build.
    """

    def __init__(self, model):
        import tensorflow as tf

        self.model = model
        signature = tf.TensorSpec((1, 28, 28), tf.float32)
        self._graph = tf.function(lambda image: model(image, training=False)).get_concrete_function(signature)

    @classmethod
    def load(cls, path=None):
        """A recognizer with the model file at `path`, or the shipped one.

        Raises:
            FileNotFoundError, ValueError: see network.load.
        """
        return cls(network.load(path or network.SHIPPED))

    def predict(self, picture):
        """What the network reads in `picture`.

        Args:
            picture: one digit, as a PIL image or an array; see sketch.prepare.

        Returns:
            A Prediction.

        Raises:
            PictureError: for what is not such a picture.
        """
        import tensorflow as tf

        stages = sketch.prepare(picture)
        if stages.blank:
            return Prediction(None, np.full(10, 0.1), stages)
        image = tf.constant(stages.normalize[None], tf.float32)
        probabilities = self._graph(image).numpy()[0].astype(np.float64)
        probabilities /= probabilities.sum()
        return Prediction(int(probabilities.argmax()), probabilities, stages)
