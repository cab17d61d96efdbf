"""Training: a generator that owns its loop, yields a Progress after each step, and does not know who listens."""

from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from digit_model import pen
from digit_model.checks import check_choice, check_range
from digit_model.dataset import Augmentation, Dataset, augment
from digit_model.evaluation import evaluate

OPTIMIZERS = ("adam", "adamw", "nadam", "rmsprop", "sgd")
SCHEDULES = ("constant", "cosine")
LOSSES = ("crossentropy", "mean_squared_error")
SMOOTHING = 0.95  # the share of the past in the running loss and accuracy
VALIDATIONS = 4  # times an epoch


@dataclass(frozen=True)
class TrainingConfig:
    """How a network learns.

    epochs: 1 to 100 times through the training images, each time but for those that fill no last batch.
    batch_size: images a step, 1 to 4096.
    optimizer: one of OPTIMIZERS ("sgd" with momentum 0.9).
    learning_rate: the rate, or its peak where the schedule changes it; 1e-6 to 10.
    schedule: "constant", or "cosine": up in a straight line over the first tenth of the steps, then down to
        nothing along half a cosine (Loshchilov and Hutter, "SGDR", 2017, one cycle, with a warm-up).
    loss: "crossentropy", or "mean_squared_error" of the ten probabilities.
    augmentation: how the images are varied, anew each time they are seen.
    training_images: how many images to learn from at most, 1 to 60,000.
    validation_images: how many images at the end of the training set are kept apart to validate on, 0 to 30,000.
    pen_digits: how many digits are written by `pen` and learnt from besides, 0 to 100,000.
    pen_others: how many drawings by `pen` that are no digit are learnt from besides, 0 to 100,000: on them the ten
        probabilities are to be equal (D. Hendrycks, M. Mazeika, T. Dietterich, "Deep anomaly
        detection with outlier exposure", 2019).
    seed: the same seed and settings give the same run on the same machine.

    Raises:
        SettingError: for a setting out of range, in a sentence that names it.
    """

    epochs: int = 5
    batch_size: int = 128
    optimizer: str = "adam"
    learning_rate: float = 0.001
    schedule: str = "constant"
    loss: str = "crossentropy"
    augmentation: Augmentation = field(default_factory=Augmentation)
    training_images: int = 60_000
    validation_images: int = 2_000
    pen_digits: int = 0
    pen_others: int = 0
    seed: int = 0

    def __post_init__(self):
        check_range("epochs", self.epochs, 1, 100, whole=True)
        check_range("batch_size", self.batch_size, 1, 4096, whole=True)
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_learning_rate(self.learning_rate)
        check_choice("schedule", self.schedule, SCHEDULES)
        check_choice("loss", self.loss, LOSSES)
        check_range("training_images", self.training_images, 1, 60_000, whole=True)
        check_range("validation_images", self.validation_images, 0, 30_000, whole=True)
        check_range("pen_digits", self.pen_digits, 0, 100_000, whole=True)
        check_range("pen_others", self.pen_others, 0, 100_000, whole=True)
        check_range("seed", self.seed, 0, 2**31 - 1, whole=True)
        most = min(self.training_images, 60_000 - self.validation_images)
        check_range("batch_size", self.batch_size, 1, min(most, 4096), whole=True)

    @property
    def gist(self):
        """The settings that matter most, in a few words."""
        plural = "" if self.epochs == 1 else "s"
        return f"{self.epochs} epoch{plural}, batch {self.batch_size}, {self.optimizer} {self.learning_rate:g}"


def check_learning_rate(rate):
    """Raises SettingError unless `rate` is a number that a network can learn with."""
    check_range("learning_rate", rate, 1e-6, 10)


_VARIED = Augmentation(shift=2, turn=12, scale=0.12, slant=15, bend=1.5, thickness=0.6)

PRESETS = {
    "article": TrainingConfig(epochs=10, batch_size=32),
    "dense": TrainingConfig(epochs=10),
    "fast": TrainingConfig(epochs=1, batch_size=96, learning_rate=0.008, schedule="cosine"),
    "accurate": TrainingConfig(
        epochs=40,
        learning_rate=0.003,
        schedule="cosine",
        augmentation=_VARIED,
        validation_images=0,
        pen_digits=3_000,
        pen_others=2_000,
    ),
}


@dataclass(frozen=True)
class Progress:
    """Where a training run stands after one step.

    step, steps: steps done, and in all. epoch, epochs: the epoch under way (from 1), and how many.
    images_per_second, seconds_left: measured over the run so far, validation included.
    learning_rate: the rate of this step.
    loss, accuracy: of the latest batches, exponentially smoothed; the loss as set, accuracy 0 to 1.
    validation_loss, validation_accuracy: cross-entropy in nats, and 0 to 1; some four times an epoch and at the end,
        else None.
    """

    step: int
    steps: int
    epoch: int
    epochs: int
    images_per_second: float
    seconds_left: float
    learning_rate: float
    loss: float
    accuracy: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None


class Diverged(ArithmeticError):
    """The loss is no longer a number."""


def train(model, dataset, config, stopping=lambda: False):
    """Trains `model` in place, a step at a time; closing the generator stops it before the next step.

    Not asking for the next Progress pauses it. Sending a number sets the learning rate (or its peak) from then on.

    Args:
        model: a Keras model from network.build.
        dataset: a Dataset; its last `config.validation_images` are kept apart.
        config: a TrainingConfig.
        stopping: asked while it validates, which takes longer than a step; True breaks the validation off.

    Yields:
        A Progress after each step.

    Raises:
        ValueError: where a batch is larger than what is left to train on.
        Diverged: where the loss is no longer a number.
    """
    training, validation = _split(dataset, config)
    images = _Images(training, config)
    step, peak, running = make_step(model, config), config.learning_rate, np.zeros(2)
    steps_per_epoch = len(images) // config.batch_size
    steps, validate_every = steps_per_epoch * config.epochs, max(steps_per_epoch // VALIDATIONS, 1)
    seconds, order = 0.0, np.random.default_rng(config.seed)
    for number in range(1, steps + 1):
        begin = perf_counter()
        place = (number - 1) % steps_per_epoch
        if place == 0:
            shuffled = order.permutation(len(images))
        batch = shuffled[place * config.batch_size : (place + 1) * config.batch_size]
        rate = learning_rate(config.schedule, peak, number, steps)
        result = step(*images.take(batch), rate)
        if not np.isfinite(result[0]):
            raise Diverged(
                f"Training lost its way at step {number}: its loss is no longer a number. Try a smaller rate."
            )
        running = SMOOTHING * running + (1 - SMOOTHING) * result
        loss, accuracy = running / (1 - SMOOTHING**number)
        due = len(validation.images) and (number % validate_every == 0 or number == steps)
        kept = evaluate(model, validation, stopping=stopping) if due else None
        seconds += perf_counter() - begin
        sent = yield Progress(
            step=number,
            steps=steps,
            epoch=(number - 1) // steps_per_epoch + 1,
            epochs=config.epochs,
            images_per_second=number * config.batch_size / seconds,
            seconds_left=seconds / number * (steps - number),
            learning_rate=rate,
            loss=float(loss),
            accuracy=float(accuracy),
            validation_loss=kept.loss if kept else None,
            validation_accuracy=kept.accuracy if kept else None,
        )
        peak = sent or peak


def _split(dataset, config):
    """The images to learn from and those kept apart, as two Datasets."""
    kept = len(dataset.images) - config.validation_images
    n = min(config.training_images, kept)
    if config.batch_size > n:
        raise ValueError(f"batch_size {config.batch_size} is more than the {max(n, 0)} images to train on.")
    return Dataset(*(part[:n] for part in dataset)), Dataset(*(part[kept:] for part in dataset))


class _Images:
    """The images to learn from, and behind them the pen's, each written when it is first asked for."""

    def __init__(self, training, config):
        digits, others = np.arange(config.pen_digits) % 10, np.full(config.pen_others, pen.NOT_A_DIGIT)
        self._seed, self._images = config.seed, training.images
        self._labels = np.concatenate([training.labels, np.uint8(digits), np.uint8(others)])
        self._pages = np.zeros((len(digits) + len(others), 28, 28), np.uint8)

    def __len__(self):
        return len(self._labels)

    def take(self, places):
        """The images at these places, uint8 (n, 28, 28), and their labels, uint8 (n,)."""
        by_pen = places >= len(self._images)
        images = self._images[np.where(by_pen, 0, places)]
        for row in np.flatnonzero(by_pen):
            page = self._pages[places[row] - len(self._images)]
            if not page.any():
                page[:] = pen.page(self._labels[places[row]], (self._seed, places[row]))
            images[row] = page
        return images, self._labels[places]


def make_step(model, config):
    """One training step, compiled: (images, labels, learning rate) to float64 (2,), the batch's loss and accuracy."""
    import keras
    import tensorflow as tf

    optimizer, draws = _optimizer(config), keras.random.SeedGenerator(config.seed)
    weights, loss_of = model.trainable_variables, keras.losses.get(_LOSS_CLASSES[config.loss])
    optimizer.build(weights)
    varied = config.augmentation != Augmentation()
    image_type = tf.TensorSpec((config.batch_size, 28, 28), tf.uint8)

    @tf.function(input_signature=[image_type, tf.TensorSpec((config.batch_size,), tf.uint8)], jit_compile=False)
    def step(images, labels):
        if varied:
            images = augment(images, config.augmentation, draws)
        is_digit = tf.cast(labels != pen.NOT_A_DIGIT, tf.float32)
        targets = tf.one_hot(labels, 10) + 0.1 * (1 - is_digit[:, None])
        with tf.GradientTape() as tape:
            probabilities = model(images, training=True)
            loss = tf.reduce_mean(loss_of(targets, probabilities))
        optimizer.apply(tape.gradient(loss, weights), weights)
        sound = tf.reduce_all([tf.reduce_all(tf.math.is_finite(weight)) for weight in weights])
        loss = tf.where(sound, loss, np.nan)  # on some processors ReLU turns NaN to 0, and the loss looks well
        right = tf.cast(tf.argmax(probabilities, 1) == tf.cast(labels, tf.int64), tf.float32)
        return tf.stack([loss, tf.reduce_sum(right) / tf.maximum(tf.reduce_sum(is_digit), 1)])

    def run(images, labels, rate):
        optimizer.learning_rate = float(rate)
        return step(images, labels).numpy().astype(float)

    return run


_LOSS_CLASSES = {"crossentropy": "categorical_crossentropy", "mean_squared_error": "mean_squared_error"}


def learning_rate(schedule, peak, step, steps):
    """The learning rate at `step` (from 1) of `steps`, for a schedule of SCHEDULES whose highest rate is `peak`."""
    if schedule == "constant":
        return peak
    warm = max(steps // 10, 1)
    if step <= warm:
        return peak * step / warm
    return peak * (1 + float(np.cos(np.pi * (step - warm) / max(steps - warm, 1)))) / 2


def _optimizer(config):
    import keras

    if config.optimizer == "sgd":
        return keras.optimizers.SGD(float(config.learning_rate), momentum=0.9)
    return keras.optimizers.get(
        {"class_name": config.optimizer, "config": {"learning_rate": float(config.learning_rate)}}
    )
