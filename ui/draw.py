"""The Draw tab: the pad and its reader, and the endpoint /predict."""

import gradio as gr

from digit_model import PictureError, sketch
from digit_model.explain import describe, from_data_url, to_data_url, to_json, ways_to_json
from ui.files import answering, component, examples, visitor_of

WAYS = (
    {"name": "The whole page, shrunk", "text": "as most programs do"},
    {"name": "Cut to the ink, stretched", "text": "to fill all the pixels"},
    {"name": "MNIST's own recipe", "text": "shape kept, 20 pixels, centred"},
)


def build(visitors):
    """Lays the tab out and connects it; `visitors` is a digit_model.runs.Visitors."""

    def read(question):
        """The reading of {"picture": a data: URL, "visitor": an id}, or who reads where the picture is None."""
        return answering(_read, visitors, question)

    def correct(question):
        """Teaches the visitor's model what {"picture", "digit"} was: how it is read before and after, and the cost."""
        return answering(_correct, visitors, question)

    def take_back(question):
        """Undoes the visitor's latest correction."""
        return answering(_take_back, visitors, question)

    def open_picture(url):
        """A brought picture (a data: URL) for the pad: {"picture": a grey PNG's URL}, or {"error": a sentence}."""
        return answering(_open_picture, url)

    def predict(picture):
        """Reads the digit in a picture file: the ten probabilities, the likeliest first; none is high for a letter."""
        if picture is None:
            raise gr.Error("No picture came; send one picture of a digit.", print_exception=False)
        try:
            prediction = visitors.shipped.result().predict(sketch.open_picture(picture))
        except PictureError as error:
            raise gr.Error(str(error), print_exception=False) from error
        if prediction.guess is None:
            raise gr.Error(describe(prediction), print_exception=False)
        return {str(digit): float(share) for digit, share in enumerate(prediction.probabilities)}

    component("draw", [read, correct, take_back, open_picture], digits=list(range(10)), drawings=examples(), ways=WAYS)
    picture = gr.File(label="picture", visible=False)
    probabilities = gr.Label(label="probabilities", visible=False)
    gr.on([], predict, picture, probabilities, api_name="predict", concurrency_limit=None)


def _read(visitors, question):
    visitor = visitor_of(question)
    held = {
        "reader": visitors.reader(visitor),
        "corrections": visitors.corrections(visitor),
        "notice": visitors.notice(visitor),
    }
    if question["picture"] is None:
        return held
    picture, recognizer = _picture(question), visitors.recognizer(visitor)
    prediction = recognizer.predict(picture)
    answer = to_json(prediction) | held
    if question.get("ways") and prediction.guess is not None:
        answer["ways"] = ways_to_json(prediction, sketch.shortcuts(picture), recognizer)
    return answer


def _picture(question):
    return sketch.open_picture(from_data_url(question["picture"]))


def _correct(visitors, question):
    visitor, picture, digit = visitor_of(question), _picture(question), question["digit"]
    if digit not in range(10) or isinstance(digit, bool):
        raise ValueError(f"It was a digit from 0 to 9, not {digit!r}.")
    before = visitors.recognizer(visitor).predict(picture)
    if before.guess is None:
        raise ValueError("There is nothing to learn from here. Draw a digit first.")
    cost = visitors.correct(visitor, before.stages.normalize, int(digit))
    after = visitors.recognizer(visitor).predict(picture)
    read = [{"digit": one.guess, "confidence": one.confidence} for one in (before, after)]
    return {"before": read[0], "after": read[1], "accuracy": cost, "corrections": visitors.corrections(visitor)}


def _take_back(visitors, question):
    visitor = visitor_of(question)
    visitors.take_back(visitor)
    return {"corrections": visitors.corrections(visitor)}


def _open_picture(url):
    return {"picture": to_data_url(sketch.to_grayscale(sketch.open_picture(from_data_url(url))))}
