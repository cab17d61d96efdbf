"""Corrections: a few drawings that were read wrongly teach a network's last layer, and it forgets next to nothing.

Only the last layer learns, which takes a second. Beside the corrections it is shown MNIST and the pen's shapes with its
own answers from before (P. Buzzega et al., "Dark experience for general continual learning", 2020, on probabilities).
"""

from typing import NamedTuple

import numpy as np

from digit_model import pen
from digit_model.dataset import Augmentation, augment, load_mnist
from digit_model.evaluation import judge

KEPT_MNIST, KEPT_DIGITS, KEPT_OTHERS = 5_000, 1_000, 500  # images whose answers are to stay as they are
KEPT_WEIGHT = 16.0  # how much they count, all together, next to all the corrections
COPIES, VARIED = 40, Augmentation(shift=1, turn=8, scale=0.1, slant=10, thickness=0.8)
RATE, STEPS = 0.01, 100  # stopped as soon as the corrections are read, it would have forgotten ten times as much
MOST_INPUTS = 2048  # of the last layer: a Memory then takes up to 135 MB


class Memory(NamedTuple):
    """What reaches a model's last layer, float32 (n, k).

    kept: from the images whose answers are to stay as they are. test: from MNIST's 10,000 test images, only to measure
    what a correction costs.
    """

    kept: np.ndarray
    test: np.ndarray


def remember(model):
    """The Memory of a model, which takes some seconds where the network is large.

    Raises:
        ValueError: for a network whose last layer can't be corrected.
    """
    last = model.layers[-1]
    if getattr(last, "use_bias", False) is not True or getattr(last.activation, "__name__", "") != "softmax":
        raise ValueError("This network doesn't end in ten softmax units with a bias, so I can't correct it here.")
    inputs = last.kernel.shape[0]
    if inputs > MOST_INPUTS:
        raise ValueError(
            f"This network's last layer looks at {inputs:,} numbers, and I can correct up to {MOST_INPUTS:,}. "
            "Train one with pooling, strides or a dense layer."
        )
    digits = [pen.page(number % 10, number) for number in range(KEPT_DIGITS)]
    others = [pen.page(pen.NOT_A_DIGIT, number) for number in range(KEPT_OTHERS)]
    kept = np.concatenate([load_mnist("train").images[:KEPT_MNIST], digits, others])
    return Memory(_before_last(model, kept), _before_last(model, load_mnist("test").images))


def evaluate_last(weights, memory):
    """The Evaluation, on MNIST's test images, of a model with these weights in its last layer.

    Args:
        weights: float32 (k, 10) and (10,), kernel and bias.
        memory: the model's Memory.
    """
    from keras import ops

    return judge(np.asarray(ops.softmax(_logits(memory.test, *weights))), load_mnist("test").labels)


def correct(model, memory, images, labels):
    """Weights for the model's last layer, float32 (k, 10) and (10,), with which it reads these images as these digits.

    Args:
        model: a Keras model from network.build or network.load; it stays as it is.
        memory: its Memory.
        images: uint8 (n, 28, 28), 0 paper to 255 ink.
        labels: n digits, 0 to 9.
    """
    import keras
    import tensorflow as tf

    copies = augment(np.repeat(images, COPIES, axis=0), VARIED, keras.random.SeedGenerator(0)).numpy()
    taught = tf.constant(_before_last(model, np.concatenate([images, copies])))
    targets = tf.one_hot(np.concatenate([labels, np.repeat(labels, COPIES)]), 10)
    weights = [tf.Variable(weight) for weight in model.layers[-1].get_weights()]
    kept = tf.constant(memory.kept)
    answers = keras.ops.softmax(_logits(kept, *weights))
    optimizer = keras.optimizers.Adam(RATE)
    loss_of = keras.losses.CategoricalCrossentropy(from_logits=True)  # of probabilities, it stops short at 1e-7
    for _ in range(STEPS):
        with tf.GradientTape() as tape:
            loss = loss_of(targets, _logits(taught, *weights))
            loss += KEPT_WEIGHT * loss_of(answers, _logits(kept, *weights))
        optimizer.apply(tape.gradient(loss, weights), weights)
    return [weight.numpy() for weight in weights]


def _logits(inputs, kernel, bias):
    return inputs @ kernel + bias


def _before_last(model, images):
    """What goes into the model's last layer: images (n, 28, 28) to float32 (n, k)."""
    import tensorflow as tf

    parts = []
    for start in range(0, len(images), 200):
        values = tf.constant(images[start : start + 200], tf.float32)
        for layer in model.layers[:-1]:
            values = layer(values)
        parts.append(values.numpy())
    return np.concatenate(parts)
