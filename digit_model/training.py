"""Training: a generator that owns its loop, yields a Progress after each step, and does not know who listens."""

from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np

from digit_model.checks import check_choice, check_range
from digit_model.dataset import Augmentation, Dataset, augment
from digit_model.evaluation import evaluate

OPTIMIZERS = ("adam", "sgd", "rmsprop", "adamw", "nadam")
SCHEDULES = ("constant", "cosine")


@dataclass(frozen=True)
class TrainingConfig:
    """How a network learns.

    epochs: times that every training image is seen.
    batch_size: images a step.
    optimizer: one of OPTIMIZERS ("sgd" with momentum 0.9).
    learning_rate: the rate, or its peak where the schedule changes it.
    schedule: "constant", or "cosine": up in a straight line over the first tenth of the steps, then down to
        nothing along half a cosine (Loshchilov and Hutter, "SGDR", 2017, one cycle, with a warm-up).
    augmentation: how the images are varied, anew each time they are seen.
    validation_images: how many images at the end of the training set are kept apart to validate on.
    seed: the same seed and settings give the same run on the same machine.

    Raises:
        ValueError: for a setting out of range, in a sentence that names it.
    """

    epochs: int = 5
    batch_size: int = 128
    optimizer: str = "adam"
    learning_rate: float = 0.001
    schedule: str = "constant"
    augmentation: Augmentation = field(default_factory=Augmentation)
    validation_images: int = 5_000
    seed: int = 0

    def __post_init__(self):
        check_range("epochs", self.epochs, 1, 1000, whole=True)
        check_range("batch_size", self.batch_size, 1, 4096, whole=True)
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_range("learning_rate", self.learning_rate, 1e-7, 10)
        check_choice("schedule", self.schedule, SCHEDULES)
        check_range("validation_images", self.validation_images, 0, 30_000, whole=True)
        check_range("seed", self.seed, 0, 2**31 - 1, whole=True)


_VARIED = Augmentation(shift=2, turn=12, scale=0.12, slant=15, thickness=1.2)

PRESETS = {
    "article": TrainingConfig(epochs=10, batch_size=32),
    "dense": TrainingConfig(epochs=10, batch_size=128),
    "fast": TrainingConfig(epochs=3, batch_size=128, learning_rate=0.003, schedule="cosine"),
    "accurate": TrainingConfig(
        epochs=30, batch_size=128, learning_rate=0.003, schedule="cosine", augmentation=_VARIED, validation_images=0
    ),
}


@dataclass(frozen=True)
class Progress:
    """Where a training run stands after one step.

    step, steps: steps done, and in all. epoch, epochs: the epoch under way (from 1), and how many.
    images_per_second, seconds_left: measured over the run so far.
    loss, accuracy: over this epoch's images so far; accuracy 0 to 1.
    validation_loss, validation_accuracy: after each epoch's last step, else None.
    """

    step: int
    steps: int
    epoch: int
    epochs: int
    images_per_second: float
    seconds_left: float
    loss: float
    accuracy: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None


class Diverged(ArithmeticError):
    """The loss is no longer a number."""


def train(model, dataset, config):
    """Trains `model` in place, a step at a time; closing the generator stops it before the next step.

    Args:
        model: a Keras model from network.build.
        dataset: a Dataset; its last `config.validation_images` are kept apart.
        config: a TrainingConfig.

    Yields:
        A Progress after each step.

    Raises:
        ValueError: where no image is left to train on, or a batch is larger than what is left.
        Diverged: where the loss is no longer a number.
    """
    import keras
    import tensorflow as tf

    n = len(dataset.images) - config.validation_images
    if config.batch_size > n:
        raise ValueError(f"batch_size {config.batch_size} is more than the {max(n, 0)} images to train on.")
    keras.utils.set_random_seed(config.seed)
    order, draws = np.random.default_rng(config.seed), keras.random.SeedGenerator(config.seed)
    vary = tf.function(lambda images: augment(images, config.augmentation, draws))
    model.compile(_optimizer(config), "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    steps_per_epoch = n // config.batch_size
    steps, begin = steps_per_epoch * config.epochs, perf_counter()
    for epoch in range(config.epochs):
        model.reset_metrics()
        batches = order.permutation(n)[: steps_per_epoch * config.batch_size].reshape(steps_per_epoch, -1)
        for step, batch in enumerate(batches, epoch * steps_per_epoch + 1):
            images = dataset.images[batch]
            if config.augmentation != Augmentation():
                images = vary(images)
            model.optimizer.learning_rate = learning_rate(config, step, steps)
            logs = model.train_on_batch(images, dataset.labels[batch], return_dict=True)
            if not np.isfinite(logs["loss"]):
                raise Diverged(f"The loss is {logs['loss']} at step {step}. A smaller learning rate would do.")
            seconds = perf_counter() - begin
            progress = Progress(
                step=step,
                steps=steps,
                epoch=epoch + 1,
                epochs=config.epochs,
                images_per_second=step * config.batch_size / seconds,
                seconds_left=seconds / step * (steps - step),
                loss=float(logs["loss"]),
                accuracy=float(logs["accuracy"]),
            )
            if step == (epoch + 1) * steps_per_epoch and config.validation_images:
                kept = evaluate(model, Dataset(dataset.images[n:], dataset.labels[n:]))
                progress = replace(progress, validation_loss=kept.loss, validation_accuracy=kept.accuracy)
            yield progress


def learning_rate(config, step, steps):
    """The learning rate at `step` (from 1) of `steps`."""
    if config.schedule == "constant":
        return config.learning_rate
    warm = max(steps // 10, 1)
    if step <= warm:
        return config.learning_rate * step / warm
    return config.learning_rate * (1 + np.cos(np.pi * (step - warm) / max(steps - warm, 1))) / 2


def _optimizer(config):
    import keras

    if config.optimizer == "sgd":
        return keras.optimizers.SGD(config.learning_rate, momentum=0.9)
    return keras.optimizers.get({"class_name": config.optimizer, "config": {"learning_rate": config.learning_rate}})
