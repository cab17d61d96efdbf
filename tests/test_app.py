"""The app over HTTP: the /predict endpoint, and the command line's flags."""

import io
from base64 import b64encode
from concurrent.futures import Future
from time import monotonic

import httpx
import numpy as np
import pytest
from drawings import draw, letter
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

import app
from digit_model import settings
from digit_model.explain import to_data_url
from digit_model.runs import Visitors
from ui.files import ASSETS

EXAMPLES = ASSETS / "examples"


@pytest.fixture(scope="module")
def client(url):
    return Client(url, verbose=False)


def write(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return handle_file(str(path))


def png(image):
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_predict_gives_ten_probabilities_in_label_form(client):
    answer = client.predict(handle_file(str(EXAMPLES / "mnist-test-image-4444.png")), api_name="/predict")
    assert answer["label"] == "9"
    confidences = {one["label"]: one["confidence"] for one in answer["confidences"]}
    assert sorted(confidences) == list("0123456789")
    assert sum(confidences.values()) == pytest.approx(1, abs=1e-6)
    assert answer["confidences"][0]["label"] == "9"


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("digit.png", b"seven", "not a picture"),
        ("cut.png", png(Image.new("L", (200, 200), 90))[:60], "damaged"),
        ("huge.png", png(Image.new("1", (20_000, 20_000), 1)), "up to 64 million pixels"),
        ("white.png", png(Image.new("L", (300, 300), 255)), "no digit here"),
        ("black.png", png(Image.new("L", (300, 300), 0)), "no digit here"),
        ("pixel.png", png(Image.new("L", (1, 1), 0)), "no digit here"),
    ],
)
def test_predict_answers_what_it_cannot_read_in_one_sentence(client, tmp_path, name, data, sentence):
    with pytest.raises(AppError, match=sentence) as refusal:
        client.predict(write(tmp_path, name, data), api_name="/predict")
    assert "\n" not in str(refusal.value)


def test_predict_answers_an_empty_call_in_one_sentence(client):
    with pytest.raises(AppError, match="No picture came"):
        client.predict(None, api_name="/predict")


def test_a_file_over_10_mb_is_not_taken(url):
    files = {"files": ("large.png", bytes(app.sketch.MAX_FILE_BYTES + 1))}
    answer = httpx.post(f"{url}gradio_api/upload", files=files)
    assert answer.status_code == 413


def test_the_api_page_shows_what_a_person_does_and_no_plumbing(client):
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert list(endpoints) == ["/predict", "/train"]


def until(condition):
    """Waits for what the server comes to by itself; a minute is far longer than it takes."""
    deadline = monotonic() + 60
    while not condition():
        assert monotonic() < deadline


def test_train_tells_how_it_goes_and_reads_the_test_images_at_its_end(client):
    job = client.submit("dense", 1, 0, api_name="/train")
    told = [one for one in job if one["progress"]]
    assert told[-1]["state"] == "done"
    assert told[-1]["accuracy"] > 0.9
    assert told[-1]["progress"]["loss"] < told[0]["progress"]["loss"]


def test_cancelling_ends_the_training_within_a_step(client, visitors):
    before = set(visitors.names())
    job = client.submit("article", 10, 0, api_name="/train")
    until(lambda: set(visitors.names()) - before)
    (name,) = set(visitors.names()) - before
    run = visitors.get(name).latest
    until(lambda: run.progress)
    job.cancel()
    until(lambda: run.state != "training")
    step = run.progress.step
    run.join(60)
    assert run.state == "stopped"
    assert run.progress.step == step


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(("slow", 1, 0), "one of article"), (("fast", 0, 0), "from 1 to 100"), (("fast", 1, -1), "Seed takes")],
)
def test_train_answers_settings_that_cannot_be_in_one_sentence(client, arguments, sentence):
    with pytest.raises(AppError, match=sentence):
        client.predict(*arguments, api_name="/train")


def posted(url, component, name, question):
    """What a server function of the page answers, asked as the page's script asks it."""
    parts = httpx.get(f"{url}config").json()["components"]
    place = next(part["id"] for part in parts if part["props"].get("elem_id") == component)
    body = {"component_id": place, "fn_name": name, "session_hash": "test", "data": question}
    return httpx.post(f"{url}gradio_api/component_server/", json=body, timeout=60).json()


def asked(url, component, question):
    return posted(url, component, question.pop("name"), question)


def small(seed):
    values = settings.presets()["dense"]
    training = values["training"] | {"epochs": 1, "training_images": 500, "validation_images": 100, "seed": seed}
    return {"network": values["network"], "training": training, "preset": "dense"}


def test_two_visitors_train_and_never_see_each_others_model(url, visitors):
    picture = to_data_url((EXAMPLES / "mnist-test-image-4444.png").read_bytes())
    names = ("visitor-one", "visitor-two")
    for seed, name in enumerate(names):
        assert asked(url, "train", {"name": "start", "visitor": name, **small(seed)}) == {}
    for name in names:
        visitors.get(name).latest.join(60)
    shares = {
        name: asked(url, "draw", {"name": "read", "visitor": name, "picture": picture})["probabilities"]
        for name in (*names, "visitor-three")
    }
    assert shares["visitor-one"] != shares["visitor-two"]
    assert shares["visitor-three"].index(max(shares["visitor-three"])) == 9
    state = asked(url, "train", {"name": "follow", "visitor": "visitor-two"})
    assert [run["number"] for run in state["runs"]] == [1]
    assert state["reading"] == "run 1, own settings"


def test_a_correction_is_learnt_told_and_taken_back(url, visitors):
    rng = np.random.default_rng(1)
    odd = to_data_url(letter("H", rng))
    before = asked(url, "draw", {"name": "read", "visitor": "teacher", "picture": odd})
    assert before["digit"] is None
    assert before["words"].startswith("That doesn't look like a digit to me.")
    told = asked(url, "draw", {"name": "correct", "visitor": "teacher", "picture": odd, "digit": 8})
    assert told["before"]["digit"] == before["guess"]
    assert told["after"]["digit"] == 8
    assert all(share > 0.98 for share in told["accuracy"])
    after = asked(url, "draw", {"name": "read", "visitor": "teacher", "picture": odd, "ways": True})
    assert (after["guess"], after["corrections"]) == (8, 1)
    assert after["reader"] == "the shipped network with 1 correction"
    assert [sorted(way) for way in after["ways"]] == [["confidence", "digit", "url"]] * 3
    assert asked(url, "draw", {"name": "take_back", "visitor": "teacher"}) == {"corrections": 0}
    again = asked(url, "draw", {"name": "read", "visitor": "teacher", "picture": odd})
    assert again["probabilities"] == before["probabilities"]


@pytest.mark.parametrize(
    ("picture", "digit", "sentence"),
    [
        (Image.new("L", (300, 300), 255), 3, "nothing to learn from"),
        (Image.fromarray(draw(7)), 10, "from 0 to 9, not 10"),
        (Image.fromarray(draw(7)), "7", "from 0 to 9, not '7'"),
        (Image.fromarray(draw(7)), True, "from 0 to 9, not True"),
    ],
)
def test_a_correction_that_cannot_be_gets_a_sentence(url, picture, digit, sentence):
    question = {"name": "correct", "visitor": "careless", "picture": to_data_url(png(picture)), "digit": digit}
    assert sentence in asked(url, "draw", question)["error"]
    assert "no correction" in asked(url, "draw", {"name": "take_back", "visitor": "careless"})["error"]


def test_a_model_goes_out_and_comes_back_and_a_strange_file_is_refused(url):
    one = asked(url, "train", {"name": "download", "visitor": "carrier"})
    assert asked(url, "train", {"name": "load", "visitor": "carrier", "file": "mine.keras", "data": one["data"]}) == {}
    assert asked(url, "train", {"name": "follow", "visitor": "carrier"})["reading"] == "run 1, mine.keras"
    strange = b64encode(b"import os").decode()
    refusal = asked(url, "train", {"name": "load", "visitor": "carrier", "file": "mine.keras", "data": strange})
    assert "\n" not in refusal["error"]
    assert asked(url, "train", {"name": "follow", "visitor": "carrier"})["reading"] == "run 1, mine.keras"


def test_flags_win_over_their_environment_variables(monkeypatch):
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "7000")
    monkeypatch.setenv("GRADIO_SHARE", "True")
    monkeypatch.setenv("GRADIO_AUTH", "ada:lovelace")
    monkeypatch.setenv("GRADIO_INBROWSER", "1")
    options = vars(app.parse([]))
    assert options == {
        "host": "0.0.0.0",
        "port": 7000,
        "share": True,
        "auth": ("ada", "lovelace"),
        "inbrowser": True,
    }
    options = app.parse(["--host", "127.0.0.1", "--port", "7001", "--auth", "a:b:c"])
    assert (options.host, options.port, options.auth) == ("127.0.0.1", 7001, ("a", "b:c"))


@pytest.mark.parametrize("arguments", [["--auth", "nobody"], ["--port", "many"]])
def test_a_flag_that_makes_no_sense_is_refused_in_a_sentence(arguments, capsys):
    with pytest.raises(SystemExit):
        app.parse(arguments)
    assert arguments[1] in capsys.readouterr().err


def test_a_password_keeps_strangers_out(recognizer):
    shipped = Future()
    shipped.set_result(recognizer)
    page = app.build_page(Visitors(shipped))
    try:
        _, address, _ = app.launch(page, quiet=True, auth=("ada", "lovelace"))
        assert httpx.get(f"{address}config").status_code == 401
        friend = Client(address, auth=("ada", "lovelace"), verbose=False)
        picture = handle_file(str(EXAMPLES / "mnist-training-image-7777.png"))
        assert friend.predict(picture, api_name="/predict")["label"] == "8"
    finally:
        page.close(verbose=False)


def test_a_full_disk_on_download_is_said_and_the_model_still_reads(url, monkeypatch):
    def full(model, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("digit_model.network.save", full)
    answer = asked(url, "train", {"name": "download", "visitor": "carrier"})
    assert answer == {"error": "The app's disk doesn't take it (No space left on device); nothing is lost."}
    assert "reading" in asked(url, "train", {"name": "follow", "visitor": "carrier"})


@pytest.mark.parametrize(
    "question", [None, {}, [], "x", 5, {"visitor": 7}, {"visitor": "a" * 65}, {"visitor": "a", "run": 3}]
)
@pytest.mark.parametrize(("component", "name"), [("draw", "read"), ("train", "cell"), ("train", "start")])
def test_a_question_that_makes_no_sense_gets_a_sentence(url, component, name, question):
    answer = posted(url, component, name, question)
    assert "error" in answer
    assert "\n" not in answer["error"]
