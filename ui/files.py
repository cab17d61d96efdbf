"""What the tabs share: the files in assets/, and a component of markup, script and server functions."""

from pathlib import Path

import gradio as gr

from digit_model.checks import SettingError
from digit_model.explain import to_data_url

ASSETS = Path(__file__).resolve().parent.parent / "assets"


def component(name, server_functions=(), **props):
    """The gr.HTML of assets/NAME.html and assets/NAME.js, whose script can call the server functions."""
    script = ASSETS / f"{name}.js"
    return gr.HTML(
        html_template=(ASSETS / f"{name}.html").read_text("utf-8"),
        js_on_load=script.read_text("utf-8") if script.exists() else None,
        server_functions=list(server_functions) or None,
        apply_default_css=False,
        elem_id=name,
        **props,
    )


def examples():
    """The pictures to click: [{"url": a data: URL, "name": what it is}]."""
    paths = sorted((ASSETS / "examples").glob("*.png"))
    return [{"url": to_data_url(path.read_bytes()), "name": path.stem.replace("-", " ")} for path in paths]


def answering(function, *arguments):
    """What a server function returns, or {"error": a sentence, "setting": the control it is about}."""
    try:
        return function(*arguments)
    except SettingError as error:
        return {"error": str(error), "setting": error.setting}
    except OSError as error:
        return {"error": f"The app's disk doesn't take it ({error.strerror or error}); nothing is lost."}
    except ValueError as error:
        return {"error": str(error)}
    except (LookupError, TypeError, AttributeError, OverflowError):
        return {"error": "The page and the app don't understand each other; reload the page."}


def visitor_of(question):
    """The id of the visitor who asks: up to 64 characters of their own making."""
    visitor = question["visitor"]
    if not isinstance(visitor, str) or not 0 < len(visitor) <= 64:
        raise ValueError("A visitor's id takes 1 to 64 characters.")
    return visitor
