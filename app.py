"""The page: draw a digit, see ten probabilities. Layout first, then the handlers' listeners; `python app.py --help`."""

import argparse
import os
import sys
from concurrent.futures import Future
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # the page talks to no host but its own

import gradio as gr

from digit_model import PictureError, Recognizer, sketch
from digit_model.explain import describe, from_data_url, to_data_url, to_json

ASSETS = Path(__file__).resolve().parent / "assets"
EXAMPLES = sorted((ASSETS / "examples").glob("*.png"))


def build_page(shipped):
    """The page as gr.Blocks.

    Args:
        shipped: a Future of the Recognizer that reads; what is drawn before it is there waits for it.
    """

    def read(picture):
        """The reading of a picture (a data URL) for the pad, or {"error": a sentence}."""
        try:
            opened = sketch.open_picture(from_data_url(picture))
            return to_json(shipped.result().predict(opened))
        except PictureError as error:
            return {"error": str(error)}

    def open_picture(picture):
        """A brought picture (a data URL) as the pad shows it: {"picture": a grey PNG}, or {"error": a sentence}."""
        try:
            opened = sketch.open_picture(from_data_url(picture))
            return {"picture": to_data_url(sketch.to_grayscale(opened))}
        except PictureError as error:
            return {"error": str(error)}

    def predict(picture):
        """Reads the digit in a picture file: the ten probabilities, the likeliest first."""
        if picture is None:
            raise gr.Error("No picture came; send one picture of a digit.", print_exception=False)
        try:
            prediction = shipped.result().predict(sketch.open_picture(picture))
        except PictureError as error:
            raise gr.Error(str(error), print_exception=False) from error
        if prediction.digit is None:
            raise gr.Error(describe(prediction), print_exception=False)
        return {str(digit): float(share) for digit, share in enumerate(prediction.probabilities)}

    with gr.Blocks(title="Digit sketchpad", analytics_enabled=False, fill_width=True) as page:
        gr.HTML((ASSETS / "header.html").read_text("utf-8"), elem_id="header", apply_default_css=False)
        gr.HTML(
            html_template=(ASSETS / "draw.html").read_text("utf-8"),
            js_on_load=(ASSETS / "draw.js").read_text("utf-8"),
            server_functions=[read, open_picture],
            digits=list(range(10)),
            drawings=[
                {"url": to_data_url(path.read_bytes()), "name": path.stem.replace("-", " ")} for path in EXAMPLES
            ],
            apply_default_css=False,
            elem_id="draw",
        )
        picture = gr.File(label="picture", visible=False)
        probabilities = gr.Label(label="probabilities", visible=False)
        gr.on([], predict, picture, probabilities, api_name="predict", concurrency_limit=None)
    return page


def parse(arguments=None):
    """The command line, each flag with its environment variable behind it."""
    parser = argparse.ArgumentParser(description="Draw a digit in the browser and see what a network makes of it.")
    env = os.environ.get
    parser.add_argument("--host", default=env("GRADIO_SERVER_NAME"), help="address to listen on; 0.0.0.0 for a class")
    parser.add_argument("--port", type=int, default=env("GRADIO_SERVER_PORT"), help="7860, or the next free one")
    parser.add_argument("--share", action="store_true", default=_is_on("GRADIO_SHARE"), help="make a public link")
    parser.add_argument("--auth", type=_name_and_password, default=env("GRADIO_AUTH"), metavar="NAME:PASSWORD")
    parser.add_argument(
        "--inbrowser", action="store_true", default=_is_on("GRADIO_INBROWSER"), help="open the page in a browser"
    )
    return parser.parse_args(arguments)


def _is_on(variable):
    return os.environ.get(variable, "").lower() in ("1", "true", "yes", "on")


def _name_and_password(text):
    name, colon, password = text.partition(":")
    if not (name and colon and password):
        raise argparse.ArgumentTypeError(f"takes NAME:PASSWORD, not {text!r}")
    return name, password


def launch(page, **options):
    """Serves the page and returns while it is served; what gr.Blocks.launch takes overrides what is set here."""
    system = ["system-ui", "Segoe UI", "Roboto", "Helvetica", "Arial", "sans-serif"]
    settings = {
        "theme": gr.themes.Default(primary_hue="indigo", font=system, font_mono=["ui-monospace", "monospace"]),
        "css_paths": ASSETS / "page.css",
        "footer_links": ["api"],
        "max_file_size": sketch.MAX_FILE_BYTES,
        "prevent_thread_lock": True,
        "ssr_mode": False,
        "enable_monitoring": False,
        "run_history": False,
    }
    return page.launch(**settings | options)


def main():
    options = parse()
    shipped = Future()
    page = build_page(shipped)
    try:
        launch(
            page,
            server_name=options.host,
            server_port=options.port,
            share=options.share,
            auth=options.auth,
            inbrowser=options.inbrowser,
        )
        shipped.set_result(Recognizer.load())  # TensorFlow loads here, behind the page that already shows
    except (OSError, ValueError) as error:
        sys.exit(f"{error}")
    page.block_thread()


if __name__ == "__main__":
    main()
