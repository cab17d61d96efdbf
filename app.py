"""The page's door: its tabs, its command-line flags, its launch. See `python app.py --help`."""

import argparse
import os
import sys
from concurrent.futures import Future
from threading import Thread

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # the page talks to no host but its own

import gradio as gr

import ui.draw
import ui.train
from digit_model import Recognizer, sketch
from digit_model.runs import Visitors
from ui.files import ASSETS, component


def build_page(visitors):
    """The page as gr.Blocks; `visitors` is a digit_model.runs.Visitors."""
    with gr.Blocks(title="Digit sketchpad", analytics_enabled=False, fill_width=True) as page:
        component("header")
        with gr.Tabs():
            with gr.Tab("Draw"):
                ui.draw.build(visitors)
            with gr.Tab("Train"):
                ui.train.build(visitors)
    return page


def parse(arguments=None):
    """The command line, each flag with its environment variable behind it."""
    parser = argparse.ArgumentParser(description="Draw a digit in the browser and see what a network makes of it.")
    env = os.environ.get
    parser.add_argument("--host", default=env("GRADIO_SERVER_NAME"), help="address to listen on; 0.0.0.0 for a class")
    parser.add_argument("--port", type=int, default=env("GRADIO_SERVER_PORT"), help="7860, or the next free one")
    parser.add_argument("--share", action="store_true", default=_is_on("GRADIO_SHARE"), help="make a public link")
    parser.add_argument(
        "--auth",
        type=_name_and_password,
        default=env("GRADIO_AUTH"),
        metavar="NAME:PASSWORD",
        help="ask visitors for these",
    )
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
        "show_error": True,
        "prevent_thread_lock": True,
        "ssr_mode": False,
        "enable_monitoring": False,
        "run_history": False,
    }
    return page.launch(**settings | options)


def main():
    options = parse()
    shipped = Future()
    visitors = Visitors(shipped)
    page = build_page(visitors)
    try:
        launch(
            page,
            server_name=options.host,
            server_port=options.port,
            share=options.share,
            auth=options.auth,
            inbrowser=options.inbrowser,
        )
    except OSError as error:
        port = f", port {options.port}" if options.port else ""
        sys.exit(f"The page can't be served on {options.host or '127.0.0.1'}{port}: {error}")
    try:
        recognizer = Recognizer.load()  # TensorFlow loads here, behind the page that already shows
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    shipped.set_result(recognizer)
    Thread(target=visitors.prepare, daemon=True).start()
    page.block_thread()


if __name__ == "__main__":
    main()
