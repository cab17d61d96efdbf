"""The Draw tab: the pad and its reader, and the endpoint /predict."""

import gradio as gr

from digit_model import PictureError, sketch
from digit_model.explain import describe, from_data_url, to_data_url, to_json
from ui.files import answering, component, examples, visitor_of


def build(visitors):
    """Lays the tab out and connects it; `visitors` is a digit_model.runs.Visitors."""

    def read(question):
        """The reading of {"picture": a data: URL, "visitor": an id} for the pad, or {"error": a sentence}."""
        return answering(_read, visitors, question)

    def open_picture(url):
        """A brought picture (a data: URL) for the pad: {"picture": a grey PNG's URL}, or {"error": a sentence}."""
        return answering(_open_picture, url)

    def predict(picture):
        """Reads the digit in a picture file: the ten probabilities, the likeliest first."""
        if picture is None:
            raise gr.Error("No picture came; send one picture of a digit.", print_exception=False)
        try:
            prediction = visitors.shipped.result().predict(sketch.open_picture(picture))
        except PictureError as error:
            raise gr.Error(str(error), print_exception=False) from error
        if prediction.digit is None:
            raise gr.Error(describe(prediction), print_exception=False)
        return {str(digit): float(share) for digit, share in enumerate(prediction.probabilities)}

    component("draw", [read, open_picture], digits=list(range(10)), drawings=examples())
    picture = gr.File(label="picture", visible=False)
    probabilities = gr.Label(label="probabilities", visible=False)
    gr.on([], predict, picture, probabilities, api_name="predict", concurrency_limit=None)


def _read(visitors, question):
    visitor, picture = visitor_of(question), sketch.open_picture(from_data_url(question["picture"]))
    return to_json(visitors.recognizer(visitor).predict(picture)) | {"reader": visitors.reader(visitor)}


def _open_picture(url):
    return {"picture": to_data_url(sketch.to_grayscale(sketch.open_picture(from_data_url(url))))}
