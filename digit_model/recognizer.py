"""A trained network behind predict(): from any picture to a digit and ten probabilities, from any number of threads."""

from dataclasses import dataclass

import numpy as np

from digit_model import network, sketch

DOUBT = 0.3  # below this probability of the likeliest digit, what was drawn does not look like one


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a network reads in a picture.

    probabilities: float64 (10,), adding up to 1, of 0 to 9 in order; all 0.1 where there is nothing to read.
    stages: the sketch.Sketch that was read.
    """

    probabilities: np.ndarray
    stages: sketch.Sketch

    @property
    def guess(self):
        """The likeliest digit, 0 to 9, or None where there is nothing to read."""
        return None if self.stages.blank else int(self.probabilities.argmax())

    @property
    def confidence(self):
        """The probability of the guess, 0 to 1, or None."""
        return None if self.stages.blank else float(self.probabilities.max())

    @property
    def digit(self):
        """The digit, 0 to 9, or None where there is nothing to read, or it does not look like a digit."""
        return None if self.stages.blank or self.confidence < DOUBT else self.guess


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
        stages = sketch.prepare(picture)
        return Prediction(np.full(10, 0.1) if stages.blank else self.read(stages.normalize), stages)

    def read(self, image):
        """The ten probabilities, float64 (10,), of an image in MNIST's form: uint8 (28, 28), 0 paper to 255 ink."""
        import tensorflow as tf

        probabilities = self._graph(tf.constant(image[None], tf.float32)).numpy()[0].astype(np.float64)
        return probabilities / probabilities.sum()
