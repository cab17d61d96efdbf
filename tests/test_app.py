"""The app over HTTP: the /predict endpoint, and the command line's flags."""

import io
from concurrent.futures import Future

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

import app
from digit_model.runs import Visitors

EXAMPLES = app.ASSETS / "examples"


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
        ("white.png", png(Image.new("L", (300, 300), 255)), "Draw a digit"),
        ("black.png", png(Image.new("L", (300, 300), 0)), "Draw a digit"),
        ("pixel.png", png(Image.new("L", (1, 1), 0)), "Draw a digit"),
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


def test_the_api_page_shows_predict_alone(client):
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert list(endpoints) == ["/predict"]


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
