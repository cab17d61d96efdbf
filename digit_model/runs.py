"""The training runs of many visitors: each has models of their own, one run trains at a time, the rest wait in line.

A bounded number of models is kept, those that nobody reads with are put away first. Knows nothing of the page: times
come in as numbers, pictures as arrays.
"""

import threading
from collections import OrderedDict, deque
from contextlib import closing
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import NamedTuple

import numpy as np

from digit_model import network, training
from digit_model.correction import correct, evaluate_last, remember
from digit_model.dataset import load_mnist
from digit_model.evaluation import evaluate
from digit_model.network import NetworkConfig
from digit_model.recognizer import Recognizer
from digit_model.training import TrainingConfig

LOOK_SECONDS = 0.25  # how often a run is looked at while it trains
GRID = 48  # test images that are read again and again
CURVE_POINTS = 400
MOST_CORRECTIONS = 50
WAITING, TRAINING, PAUSED, TESTING, DONE, STOPPED, FAILED = (
    "waiting",
    "training",
    "paused",
    "testing",
    "done",
    "stopped",
    "failed",
)
PUT_AWAY = "Your network was put away to make room for others; the shipped one reads now."
OVER = (DONE, STOPPED, FAILED)


@dataclass(frozen=True)
class Settings:
    """What a run is started with: a name for it, the network, how it learns, and the model to go on from, if any.

    A model that was loaded from a file has a name alone.
    """

    name: str
    network: NetworkConfig | None = None
    training: TrainingConfig | None = None
    model: object = None


class Lesson(NamedTuple):
    """Drawings that were read wrongly, and what they were.

    before: the Run that was corrected, or None for the shipped network. model: its model.
    images: a tuple of uint8 (28, 28). labels: a tuple of digits, 0 to 9.
    """

    before: object
    model: object
    images: tuple = ()
    labels: tuple = ()

    def __str__(self):
        return f"{len(self.images)} correction{'' if len(self.images) == 1 else 's'}"


class Turns:
    """A line in which the first trains and the others wait."""

    def __init__(self):
        self._line = deque()
        self.changed = threading.Condition()

    def join(self, run):
        with self.changed:
            self._line.append(run)

    def leave(self, run):
        with self.changed:
            if run in self._line:
                self._line.remove(run)
            self.changed.notify_all()

    def place(self, run):
        """How many train before it: 0 for the run whose turn it is, None for one that is not in line."""
        with self.changed:
            return self._line.index(run) if run in self._line else None


class Run:
    """One training run, in a thread of its own; what it shows is replaced whole, never changed in place.

    state: WAITING, TRAINING, PAUSED, TESTING, then one of OVER. message: one sentence where there is something to say.
    progress: the latest training.Progress. curve: rows (epochs, loss, accuracy, validation loss, validation accuracy).
    seen: the pinned drawing's ten probabilities, and the digits read in the first GRID test images.
    evaluation: of the test set, once the run is over. recognizer: what it learnt, until it is put away.
    lesson: the Lesson, where it was made by corrections.
    """

    def __init__(self, number, settings, turns, pinned=None, is_watched=lambda: True, when_read=lambda run: None):
        self.number, self.settings, self.pinned = number, settings, pinned
        self.state, self.message, self.weights = WAITING, "", None
        self.progress, self.curve, self.seen = None, (), (None, None)
        self.seconds, self.evaluation, self.recognizer = 0.0, None, None
        self.lesson = None
        self._turns, self._is_watched, self._when_read = turns, is_watched, when_read
        self._allowed, self._stopping, self._rate = float("inf"), False, None
        self._thread = threading.Thread(target=self._train, daemon=True)

    def begin(self):
        """Joins the line, and trains when it is its turn."""
        self._turns.join(self)
        self._thread.start()

    def take_in(self, model, evaluation=None):
        """Makes this the run of a model that was trained elsewhere, with its Evaluation, if there is one."""
        try:
            self.weights = model.count_params()
            self.look(model)
            self._finish(model, DONE, evaluation)
        finally:
            if not self.over:
                self._end(FAILED, "This network could not be read with.")

    @property
    def over(self):
        return self.state in OVER

    @property
    def place(self):
        """How many runs train before this one: 0 when it is its turn, None when it is over or paused."""
        return self._turns.place(self)

    def pause(self):
        with self._turns.changed:
            if not self.over:
                self._allowed = 0

    def resume(self):
        self._allow(float("inf"))

    def step(self):
        """Trains one step, and pauses."""
        self._allow(1)

    def _allow(self, steps):
        with self._turns.changed:
            self._allowed = steps
            self._turns.changed.notify_all()

    def stop(self):
        """Ends the run before its next step; what it has learnt stays."""
        with self._turns.changed:
            self._stopping = True
            self._turns.changed.notify_all()

    def set_learning_rate(self, rate):
        """Sets the learning rate (or its peak) from the next step on; raises SettingError for one out of range."""
        training.check_learning_rate(rate)
        self._rate = rate

    def join(self, timeout=None):
        """Waits until the run is over, at most `timeout` seconds."""
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _train(self):
        try:
            if self._wait():
                self._learn()
            else:
                self._end(STOPPED, "Stopped before the first step.")
        except training.Diverged as error:
            self._end(FAILED, f"{error} Nothing is lost: the model from before still reads.")
        except Exception as error:  # whatever TensorFlow raises must end as a sentence, not as a dead thread
            self._end(FAILED, f"Training broke off ({type(error).__name__}). The model from before still reads.")
            raise
        finally:
            self.settings = replace(self.settings, model=None)  # a model is kept by the runs that read with it alone
            self._turns.leave(self)

    def _learn(self):
        import keras

        keras.utils.set_random_seed(self.settings.training.seed)
        model = copy(self.settings.model) if self.settings.model else network.build(self.settings.network)
        self.weights = model.count_params()
        steps = training.train(model, load_mnist("train"), self.settings.training, lambda: self._stopping)
        with closing(steps):
            finished = self._follow(steps, model)
        if self.progress is None:
            self._end(STOPPED, "Stopped before the first step.")
            return
        self._finish(model, DONE if finished else STOPPED)

    def _finish(self, model, state, evaluation=None):
        self.state = TESTING
        self.evaluation = evaluation or evaluate(model, load_mnist("test"))
        if not (self.recognizer and self.recognizer.model is model):
            self.recognizer = Recognizer(model)
        self._when_read(self)
        self._end(state, self.message)

    def _follow(self, steps, model):
        """Takes the steps one by one; True where all of them were."""
        looked = 0.0
        while self._wait():
            rate, self._rate = self._rate, None
            begin = monotonic()
            try:
                progress = steps.send(rate if self.progress else None)
            except StopIteration:
                return True
            self.progress = progress
            self.seconds += monotonic() - begin
            if begin - looked >= LOOK_SECONDS or progress.validation_loss is not None or self._allowed == 0:
                looked = begin
                self._note(progress)
                self.look(model)
        return False

    def _wait(self):
        """Waits for its turn and for leave to go on; False where it is to stop."""
        if not self._is_watched():
            self.message = "Nobody was watching any more, so this run stopped early; what it had learnt is kept."
            return False
        with self._turns.changed:
            if self._allowed <= 0 and not self._stopping:
                self.state = PAUSED
                self._step_aside()
            self._turns.changed.wait_for(self._is_free, timeout=None)
            self._allowed -= 1
            if not self._stopping:
                self.state = TRAINING
            return not self._stopping

    def _step_aside(self):
        """A paused run lets the others train, and joins the line again when it goes on."""
        self._turns.leave(self)
        self._turns.changed.wait_for(lambda: self._allowed > 0 or self._stopping)
        self.state = WAITING
        self._turns.join(self)

    def _is_free(self):
        return self._stopping or self._turns.place(self) == 0

    def _note(self, progress):
        epochs = progress.step / (progress.steps / progress.epochs)
        point = (epochs, progress.loss, progress.accuracy, progress.validation_loss, progress.validation_accuracy)
        self.curve = _thinned((*self.curve, point))

    def look(self, model):
        """Lets `model` read the pinned drawing and the first test images."""
        images = load_mnist("test").images[:GRID]
        if self.pinned is not None:
            images = np.concatenate([self.pinned[None], images])
        read = np.asarray(model(images, training=False), np.float64)
        pinned = read[0] if self.pinned is not None else None
        self.seen = pinned, read[-GRID:].argmax(1)

    def _end(self, state, message):
        self.message, self.state = message, state


def _thinned(curve):
    """A curve of at most CURVE_POINTS rows: every second one goes where there are more, but for the validated ones."""
    if len(curve) <= CURVE_POINTS:
        return curve
    return tuple(point for number, point in enumerate(curve) if number % 2 == 0 or point[3] is not None)


def copy(model):
    """A model like `model`, with weights of its own."""
    import keras

    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    return twin


@dataclass
class Visitor:
    """What one visitor holds: the runs of this visit, the one that reads (None: the shipped network), what to tell."""

    runs: list = field(default_factory=list)
    reading: Run | None = None
    notice: str = ""
    seen: float = 0.0

    @property
    def latest(self):
        return self.runs[-1] if self.runs else None


class Visitors:
    """The visitors by their id, a bounded number of models among them, and the line they train in.

    Args:
        shipped: a Future of the Recognizer that reads for who has no model of their own.
        models: how many models are kept at most, over all visitors.
        patience: seconds without a sign of a visitor after which their run stops.
        memory: seconds without a sign of a visitor after which all that they hold is freed.
    """

    def __init__(self, shipped, models=40, patience=150, memory=1800):
        self.shipped, self.models, self.patience, self.memory = shipped, models, patience, memory
        self.turns = Turns()
        self._visitors, self._lock = OrderedDict(), threading.Lock()
        self._teaching = threading.Lock()  # one correction at a time, so that reading stays quick
        self._memories = {}

    def get(self, name):
        """The Visitor of that id, made where there is none; counts as a sign of them."""
        with self._lock:
            self._forget()
            visitor = self._visitors.setdefault(name, Visitor())
            self._visitors.move_to_end(name)
            visitor.seen = monotonic()
            return visitor

    def names(self):
        """The ids of all visitors, the longest unseen first."""
        with self._lock:
            return list(self._visitors)

    def recognizer(self, name):
        """What reads for the visitor of that id."""
        run = self._reading(name)
        return (run and run.recognizer) or self.shipped.result()

    def reader(self, name):
        """What reads for the visitor of that id, in words."""
        run = self._reading(name)
        lesson = run and run.lesson
        if lesson:
            return f"{f'run {lesson.before.number}' if lesson.before else 'the shipped network'} with {lesson}"
        return f"run {run.number}, {run.settings.name}" if run else "the shipped network"

    def corrections(self, name):
        """How many corrections the model that reads for the visitor has had."""
        run = self._reading(name)
        return len(run.lesson.images) if run and run.lesson else 0

    def notice(self, name):
        """What the visitor of that id should be told, in a sentence, or ""."""
        with self._lock:
            visitor = self._visitors.get(name)
        return visitor.notice if visitor else ""

    def _reading(self, name):
        with self._lock:
            known = name in self._visitors
        return self.get(name).reading if known else None

    def start(self, name, settings, pinned=None):
        """Starts a run for the visitor, whose earlier one must be over (ValueError)."""
        run = self._add(self.get(name), settings, pinned)
        run.begin()
        return run

    def take_in(self, name, title, model):
        """Adds a model that was trained elsewhere to the visitor's runs, and lets it read."""
        self._add(self.get(name), Settings(title)).take_in(model)

    def prepare(self):
        """Gets ready to correct the shipped network, so that the first correction needn't wait for it."""
        with self._teaching:
            self._memory(self.shipped.result().model)

    def correct(self, name, image, digit):
        """Teaches the model that reads for the visitor that uint8 (28, 28) `image` is `digit`.

        What reads from then on is a run of corrections, which further ones add to.

        Returns:
            The accuracy on MNIST's test images before and after, 0 to 1.

        Raises:
            ValueError: where a run of theirs is under way, MOST_CORRECTIONS have been made, or the network can't be
                corrected; what read before still reads.
        """
        visitor = self.get(name)
        with self._teaching:
            self._check_free(visitor)
            run = visitor.reading
            reader = (run and run.recognizer) or self.shipped.result()
            lesson = run.lesson if run and run.lesson else Lesson(run, reader.model)
            others = [pair for pair in zip(lesson.images, lesson.labels, strict=True) if (pair[0] != image).any()]
            if len(others) == MOST_CORRECTIONS:
                raise ValueError(f"I keep {MOST_CORRECTIONS} corrections in mind, and have that many. Undo one first.")
            images, labels = zip(*others, (image, digit), strict=True)
            before = evaluate_last(reader.model.layers[-1].get_weights(), self._memory(lesson.model))
            after = self._teach(visitor, run, lesson._replace(images=images, labels=labels))
            return before.accuracy, after.accuracy

    def take_back(self, name):
        """Undoes the visitor's latest correction; raises ValueError where there is none."""
        visitor = self.get(name)
        with self._teaching:
            run = visitor.reading
            if not (run and run.lesson):
                raise ValueError("There is no correction to take back.")
            self._check_free(visitor)
            before, model, images, labels = run.lesson
            if len(images) > 1:
                self._teach(visitor, run, run.lesson._replace(images=images[:-1], labels=labels[:-1]))
                return
            if before and not before.recognizer:
                before.recognizer = Recognizer(model)
            self._let_read(visitor, before)
            with self._lock:
                visitor.runs = [one for one in visitor.runs if one is not run]

    def _teach(self, visitor, run, lesson):
        """Lets `run`, or a new one where that is no run of corrections, learn the lesson: its Evaluation."""
        begin = monotonic()
        memory = self._memory(lesson.model)
        weights = correct(lesson.model, memory, np.stack(lesson.images), lesson.labels)
        evaluation = evaluate_last(weights, memory)
        model = copy(lesson.model)
        model.layers[-1].set_weights(weights)
        if visitor.reading is not run:
            raise ValueError("Another network reads now. Press again, and it learns this one.")
        if not (run and run.lesson):
            run = self._add(visitor, Settings("corrected"))
        run.lesson, run.seconds = lesson, monotonic() - begin
        run.take_in(model, evaluation)
        return evaluation

    def _memory(self, model):
        """The model's correction.Memory: the shipped one's is kept, and the latest other's."""
        place = model is self.shipped.result().model
        if self._memories.get(place, (None,))[0] is not model:
            self._memories[place] = model, remember(model)
        return self._memories[place][1]

    def _check_free(self, visitor):
        if visitor.latest and not visitor.latest.over:
            raise ValueError("A run of yours is still under way; stop it first, or let it finish.")

    def _add(self, visitor, settings, pinned=None):
        with self._lock:
            self._check_free(visitor)
            visitor.notice = ""
            number = visitor.latest.number + 1 if visitor.latest else 1

            def is_watched():
                return monotonic() - visitor.seen < self.patience

            run = Run(number, settings, self.turns, pinned, is_watched, lambda run: self._let_read(visitor, run))
            visitor.runs = [*visitor.runs[-19:], run]
        return run

    def read_with(self, name, run):
        """Lets `run` (None: the shipped network) read for the visitor; where models are too many, those unread go."""
        visitor = self.get(name)
        visitor.notice = ""
        self._let_read(visitor, run)

    def _let_read(self, visitor, run):
        visitor.reading = run
        with self._lock:
            held = [(other, one) for other in self._visitors.values() for one in other.runs if one.recognizer]
            held.sort(key=lambda pair: pair[0].reading is pair[1])  # those that nobody reads with go first
            for other, one in held[: max(len(held) - self.models, 0)]:
                one.recognizer = None
                if one.lesson:
                    one.lesson = one.lesson._replace(before=None, model=None)
                if other.reading is one:
                    other.reading = None
                    other.notice = PUT_AWAY

    def _forget(self):
        late = monotonic() - self.memory
        while self._visitors and next(iter(self._visitors.values())).seen < late:
            _, visitor = self._visitors.popitem(last=False)
            if visitor.latest:
                visitor.latest.stop()
