"""Corrections: a few drawings that were read wrongly teach a network's last layer, and it forgets nothing.

Only the last layer learns, which takes a second, whatever the network. Beside the corrections it is shown MNIST and the
pen's shapes with its own answers from before (Z. Li and D. Hoiem, "Learning without forgetting", 2016).
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from digit_model import pen
from digit_model.dataset import Augmentation, augment, load_mnist
from digit_model.evaluation import judge

KEPT_MNIST, KEPT_DIGITS, KEPT_OTHERS = 5_000, 1_000, 500  # images whose answers are to stay as they are
KEPT_WEIGHT = 16.0  # how much they count, all together, next to all the corrections
COPIES, VARIED = 40, Augmentation(shift=1, turn=8, scale=0.1, slant=10, thickness=0.8)
RATE, STEPS = 0.02, 120  # it stops before that many steps where
SURE = 0.8  # every correction is read with this probability


class Memory(NamedTuple):
    """What a model makes of the images that it is not to forget, up to its last layer: float32 (n, k)."""

    kept: np.ndarray
    test: np.ndarray


def correct(model, images, labels):
    """A model like `model` that reads these images as these digits, and its Evaluation on MNIST's test images.

    Args:
        model: a Keras model from network.build or network.load; it stays as it is, its layers but the last are shared.
        images: uint8 (n, 28, 28), 0 paper to 255 ink.
        labels: n digits, 0 to 9.

    Returns:
        (the new model, its Evaluation).
    """
    import keras
    import tensorflow as tf

    memory, last = remember(model), model.layers[-1]
    copies = augment(np.repeat(images, COPIES, axis=0), VARIED, keras.random.SeedGenerator(0)).numpy()
    taught = tf.constant(_before_last(model, np.concatenate([images, copies])))
    targets = tf.one_hot(np.concatenate([labels, np.repeat(labels, COPIES)]), 10)
    kept, answers = tf.constant(memory.kept), last(memory.kept)

    new = keras.layers.Dense(10, "softmax")
    twin = keras.Sequential([keras.Input((28, 28)), *model.layers[:-1], new])
    new.set_weights(last.get_weights())
    optimizer, loss_of = keras.optimizers.Adam(RATE), keras.losses.CategoricalCrossentropy()
    optimizer.build(new.trainable_variables)
    for _ in range(STEPS):
        with tf.GradientTape() as tape:
            said = new(taught)
            loss = loss_of(targets, said) + KEPT_WEIGHT * loss_of(answers, new(kept))
        if tf.reduce_all(tf.reduce_sum(said * targets, 1)[: len(images)] > SURE):
            break
        optimizer.apply(tape.gradient(loss, new.trainable_variables), new.trainable_variables)
    return twin, judge(new(memory.test).numpy(), load_mnist("test").labels)


def tested(model):
    """A model's Evaluation on MNIST's test images, quick where `remember` has been asked about it."""
    return judge(model.layers[-1](remember(model).test).numpy(), load_mnist("test").labels)


@lru_cache(maxsize=4)
def remember(model):
    """The Memory of a model; it takes some seconds the first time, and is kept for the latest few models."""
    digits = [pen.page(number % 10, number) for number in range(KEPT_DIGITS)]
    others = [pen.page(pen.NOT_A_DIGIT, number) for number in range(KEPT_OTHERS)]
    kept = np.concatenate([load_mnist("train").images[:KEPT_MNIST], digits, others])
    return Memory(_before_last(model, kept), _before_last(model, load_mnist("test").images))


def _before_last(model, images):
    """What goes into the model's last layer: images (n, 28, 28) to float32 (n, k)."""
    import keras

    body = keras.Model(model.inputs[0], model.layers[-2].output)
    parts = (images[start : start + 200] for start in range(0, len(images), 200))
    return np.concatenate([body(part, training=False).numpy() for part in parts])
