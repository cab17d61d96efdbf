"""What the network does with one drawing, in words and in pictures that a page can show."""

from base64 import b64decode, b64encode
from dataclasses import asdict
from io import BytesIO

import numpy as np
from PIL import Image

from digit_model.dataset import augment
from digit_model.sketch import PictureError

CROP_SIDE = 160  # pixels: what the page shows the crop at


def describe(prediction):
    """What was read and how surely, in words a child understands.

    Args:
        prediction: a recognizer.Prediction.
    """
    if prediction.guess is None:
        return "I see no digit here. Draw one, larger than a dot."
    if prediction.digit is None:
        return f"That doesn't look like a digit to me. My best guess is {_named(prediction.guess)}."
    second, first = np.argsort(prediction.probabilities)[-2:]
    confidence = prediction.confidence
    if confidence >= 0.99:
        return f"That's {_named(first)}."
    if confidence >= 0.9:
        return f"I'm almost sure that's {_named(first)}."
    if confidence >= 0.6:
        return f"I think that's {_named(first)}."
    return f"Maybe {_named(first)}, or {_named(second)}?"


def _named(digit):
    return f"an {digit}" if digit == 8 else f"a {digit}"


def to_json(prediction):
    """A recognizer.Prediction as plain values: digit, guess, words, ten probabilities, the stages as data: URLs."""
    stages = prediction.stages
    cut = Image.fromarray(stages.crop)
    cut.thumbnail((CROP_SIDE, CROP_SIDE))
    return {
        "digit": prediction.digit,
        "guess": prediction.guess,
        "words": describe(prediction),
        "probabilities": prediction.probabilities.tolist(),
        "stages": {
            "crop": to_data_url(np.asarray(cut)),
            "resize": to_data_url(stages.resize),
            "invert": to_data_url(stages.invert),
            "normalize": to_data_url(stages.normalize),
        },
    }


def ways_to_json(prediction, shortcuts, recognizer):
    """What `recognizer` reads in sketch.shortcuts' images, and the Prediction's own, as plain values."""
    read = [(image, recognizer.read(image)) for image in shortcuts]
    return [
        {"url": to_data_url(image), "digit": int(share.argmax()), "confidence": float(share.max())}
        for image, share in [*read, (prediction.stages.normalize, prediction.probabilities)]
    ]


def to_data_url(picture):
    """A PNG's bytes, or a uint8 array (h, w) made one, as a data: URL."""
    if not isinstance(picture, bytes):
        file = BytesIO()
        Image.fromarray(picture).save(file, "PNG")
        picture = file.getvalue()
    return "data:image/png;base64," + b64encode(picture).decode("ascii")


def from_data_url(url):
    """The bytes of a base64 data: URL.

    Raises:
        PictureError: for anything else.
    """
    head, comma, body = url.partition(",") if isinstance(url, str) else ("", "", "")
    if not (head.startswith("data:") and head.endswith(";base64") and comma):
        raise PictureError("No picture came with this; a data: URL of a picture would do.")
    try:
        return b64decode(body, validate=True)
    except ValueError as error:
        raise PictureError("The picture was damaged on its way; please send it again.") from error


def varied(image, augmentation, count=12):
    """One uint8 (28, 28) image, as it is and varied `count` - 1 times, in two rows of one data: URL."""
    import keras

    copies = np.repeat(image[None], count - 1, axis=0)
    changed = np.asarray(augment(copies, augmentation, keras.random.SeedGenerator(1)))
    images = [image, *np.uint8(np.rint(changed))]
    return to_data_url(np.vstack([np.hstack(images[: count // 2]), np.hstack(images[count // 2 :])]))


def run_to_json(run):
    """What a page shows of a runs.Run while it lasts, as plain values."""
    pinned, seen = run.seen
    return {
        "number": run.number,
        "name": run.settings.name,
        "state": run.state,
        "over": run.over,
        "place": run.place,
        "message": run.message,
        "seconds": run.seconds,
        "progress": run.progress and asdict(run.progress),
        "curve": _rounded(run.curve),
        "drawing": None if run.pinned is None else to_data_url(run.pinned),
        "pinned": None if pinned is None else pinned.round(4).tolist(),
        "seen": None if seen is None else seen.tolist(),
        "accuracy": run.evaluation and run.evaluation.accuracy,
        "learning_rate": run.settings.training and run.settings.training.learning_rate,
    }


def summary_to_json(run, reads):
    """One row of the table of runs; `reads` is True for the run that reads now."""
    config = run.settings.training
    points = [point for point in run.curve if point[3] is not None] or run.curve[:: max(len(run.curve) // 40, 1)]
    return {
        "number": run.number,
        "name": run.settings.name,
        "gist": config.gist if config else str(run.lesson or "loaded from a file"),
        "state": run.state,
        "accuracy": run.evaluation and run.evaluation.accuracy,
        "weights": run.weights,
        "seconds": run.seconds if run.over else 0,
        "reads": reads,
        "kept": run.recognizer is not None,
        "epochs": config.epochs if config else 1,
        "curve": _rounded(points),
    }


def _rounded(curve):
    return [[None if value is None else round(value, 4) for value in point] for point in curve]


def results_to_json(run, dataset, count):
    """What came out of a run that is over: accuracy, the confusion matrix, and the `count` worst mistakes."""
    evaluation = run.evaluation
    return {
        "number": run.number,
        "accuracy": evaluation.accuracy,
        "digit_accuracy": evaluation.digit_accuracy.tolist(),
        "confusion": evaluation.confusion.tolist(),
        "mistakes": images_to_json(evaluation, dataset, evaluation.worst_mistakes(dataset.labels)[:count]),
    }


def images_to_json(evaluation, dataset, places):
    """The images of a Dataset at these places, each with its label, what was read, and how surely (0 to 1)."""
    return [
        {
            "url": to_data_url(dataset.images[place]),
            "label": int(dataset.labels[place]),
            "read": int(evaluation.probabilities[place].argmax()),
            "confidence": float(evaluation.probabilities[place].max()),
        }
        for place in places
    ]
