"""What the network does with one drawing, in words and in pictures that a page can show."""

import binascii
from base64 import b64decode, b64encode
from io import BytesIO

import numpy as np
from PIL import Image

from digit_model.sketch import PictureError

CROP_SIDE = 160  # pixels: what the page shows the crop at


def describe(prediction):
    """What was read and how surely, in words a child understands.

    Args:
        prediction: a recognizer.Prediction.
    """
    if prediction.digit is None:
        return "Draw a digit, larger than a dot."
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
    """A recognizer.Prediction as plain values: digit, words, ten probabilities, and the stages as data: URLs."""
    stages = prediction.stages
    cut = Image.fromarray(stages.crop)
    cut.thumbnail((CROP_SIDE, CROP_SIDE))
    return {
        "digit": prediction.digit,
        "words": describe(prediction),
        "probabilities": prediction.probabilities.tolist(),
        "stages": {
            "crop": to_data_url(np.asarray(cut)),
            "resize": to_data_url(stages.resize),
            "invert": to_data_url(stages.invert),
            "normalize": to_data_url(stages.normalize),
        },
    }


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
    except binascii.Error as error:
        raise PictureError("The picture was damaged on its way; please send it again.") from error
