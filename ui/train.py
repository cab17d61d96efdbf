"""The Train tab: what its script asks of the server, in plain values, and the endpoint /train."""

from base64 import b64decode, b64encode
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import gradio as gr

from digit_model import network, runs, settings, sketch, training
from digit_model.checks import SettingError
from digit_model.dataset import load_mnist
from digit_model.explain import (
    from_data_url,
    images_to_json,
    results_to_json,
    run_to_json,
    summary_to_json,
    to_data_url,
)
from digit_model.model_file import MAX_FILE_BYTES
from ui.files import answering, component, visitor_of

PRESETS = {
    "fast": ("Fast", "a small network, some 15 seconds"),
    "article": ("Article", "a tutorial's network, some minutes"),
    "dense": ("Dense", "no convolution, to compare"),
    "accurate": ("Accurate", "the shipped one, half an hour"),
}
SHOWN = 24  # images of a confusion cell, or worst mistakes


def build(visitors):
    """Lays the tab out and connects it; `visitors` is a digit_model.runs.Visitors."""

    def describe(values):
        """What the settings make: layers, weights, a gist of each part, a digit varied; or {"error", "setting"}."""
        return answering(settings.describe, values)

    def start(question):
        """Starts the visitor's run."""
        return answering(_start, visitors, question)

    def follow(question):
        """All that the tab shows of the visitor's runs."""
        return answering(_follow, visitors, question)

    def control(question):
        """Pauses, resumes, steps or stops the visitor's run, or sets its learning rate."""
        return answering(_control, visitors, question)

    def read_with(question):
        """Lets one of the visitor's runs (0: the shipped network) read."""
        return answering(_read_with, visitors, question)

    def cell(question):
        """Images of one cell of a run's confusion matrix."""
        return answering(_cell, visitors, question)

    def download(question):
        """The model that reads for the visitor, as a .keras file."""
        return answering(_download, visitors, question)

    def load(question):
        """Takes a .keras file in, as a run that is over."""
        return answering(_load, visitors, question)

    test = load_mnist("test")
    grid = [
        {"url": to_data_url(image), "label": int(label)}
        for image, label in zip(test.images[: runs.GRID], test.labels[: runs.GRID], strict=True)
    ]
    component(
        "train",
        [describe, start, follow, control, read_with, cell, download, load],
        digits=list(range(10)),
        grid=grid,
        presets=[
            {"name": name, "title": title, "hint": hint, **settings.presets()[name]}
            for name, (title, hint) in PRESETS.items()
        ],
        choices={
            "network.activation": network.ACTIVATIONS,
            "network.dense_activation": network.ACTIVATIONS,
            "training.optimizer": training.OPTIMIZERS,
            "training.loss": training.LOSSES,
        },
    )

    preset, epochs = (
        gr.Textbox("fast", label="preset", visible=False),
        gr.Number(1, precision=0, label="epochs", visible=False),
    )
    seed, progress = gr.Number(0, precision=0, label="seed", visible=False), gr.JSON(label="progress", visible=False)

    def train(preset, epochs, seed):
        """Trains a preset for some epochs, telling how it goes until it is over; cancelling stops it."""
        answer = answering(_configured, preset, epochs, seed)
        if "error" in answer:
            raise gr.Error(answer["error"], print_exception=False)
        visitor = f"api-{uuid4()}"
        run = visitors.start(visitor, answer["settings"])
        try:
            while not run.over:
                yield run_to_json(run)
                visitors.get(visitor)
                run.join(timeout=0.2)
            yield run_to_json(run)
        finally:
            run.stop()

    gr.on([], train, [preset, epochs, seed], progress, api_name="train", concurrency_limit=None)


def _configured(preset, epochs, seed):
    if preset not in network.PRESETS:
        raise SettingError("preset", f"Preset takes one of {', '.join(network.PRESETS)}, not {preset!r}.")
    values = settings.presets()[preset]
    config = settings.to_training({**values["training"], "epochs": epochs, "seed": seed})
    return {"settings": runs.Settings(preset, network.PRESETS[preset], config)}


def _start(visitors, question):
    made = settings.to_network(question["network"])
    config = settings.to_training(question["training"])
    go_on, visitor = bool(question.get("go_on")), visitor_of(question)
    model = visitors.recognizer(visitor).model if go_on else None
    settings.check_step(config, made, model)
    same = question.get("preset") in network.PRESETS and settings.are_preset(question["preset"], made, config)
    name = question["preset"] if same else "own settings"
    if go_on:
        name = "gone on" if visitors.get(visitor).reading else "from the shipped network"
    visitors.start(visitor, runs.Settings(name, made, config, model), _pinned(question))
    return {}


def _pinned(question):
    """The drawing to read as the network learns, uint8 (28, 28), or None."""
    if not question.get("picture"):
        return None
    stages = sketch.prepare(sketch.open_picture(from_data_url(question["picture"])))
    return None if stages.blank else stages.normalize


def _follow(visitors, question):
    visitor = visitors.get(visitor_of(question))
    run = visitor.latest
    if "picture" in question and run:
        run.pinned = _pinned(question)
        if run.over and run.recognizer:
            run.look(run.recognizer.model)
    state = {
        "run": run and run_to_json(run),
        "runs": [summary_to_json(one, one is visitor.reading) for one in visitor.runs],
        "reading": visitors.reader(visitor_of(question)),
        "own": visitor.reading is not None,
        "notice": visitor.notice,
    }
    shown = visitor.reading or next((one for one in reversed(visitor.runs) if one.evaluation), None)
    have = f"{shown.number} {id(shown.evaluation)}" if shown and shown.evaluation else ""
    if have and have != question.get("have"):
        state |= {"have": have, "results": results_to_json(shown, load_mnist("test"), SHOWN)}
    return state


def _control(visitors, question):
    run = visitors.get(visitor_of(question)).latest
    if run is None or run.over:
        raise ValueError("Nothing is training.")
    if question["do"] == "rate":
        run.set_learning_rate(question["rate"])
    else:
        {"pause": run.pause, "resume": run.resume, "step": run.step, "stop": run.stop}[question["do"]]()
    return {}


def _run(visitors, question):
    runs_ = {run.number: run for run in visitors.get(visitor_of(question)).runs}
    if question["run"] not in runs_:
        raise ValueError(f"Run {question['run']} is gone. Train it again, or pick another.")
    return runs_[question["run"]]


def _read_with(visitors, question):
    run = _run(visitors, question) if question["run"] else None
    if run and not run.recognizer:
        raise ValueError(f"Run {run.number}'s network was put away; train it again.")
    visitors.read_with(visitor_of(question), run)
    return {}


def _cell(visitors, question):
    evaluation, test = _run(visitors, question).evaluation, load_mnist("test")
    if evaluation is None:
        raise ValueError("This run has not read the test images yet.")
    places = evaluation.cell(test.labels, int(question["row"]), int(question["column"]))
    return {"count": len(places), "images": images_to_json(evaluation, test, places[:SHOWN])}


def _download(visitors, question):
    model = visitors.recognizer(visitor_of(question)).model
    with TemporaryDirectory() as folder:
        path = Path(folder) / "digits.keras"
        network.save(model, path)
        return {"name": path.name, "data": b64encode(path.read_bytes()).decode("ascii")}


def _load(visitors, question):
    if len(question["data"]) > MAX_FILE_BYTES * 4 / 3 + 4:  # base64 takes four bytes for three
        raise ValueError("This file is larger than 20 MB; a model saved here would do.")
    data = b64decode(question["data"])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "loaded.keras"
        path.write_bytes(data)
        model = network.load(path)
    visitors.take_in(visitor_of(question), Path(str(question.get("file", "model"))).name[:40], model)
    return {}
