"""The command line: what it prints where, and how it ends."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from drawings import draw
from PIL import Image

from digit_model import __main__ as command
from digit_model import dataset, network, training
from digit_model.dataset import Dataset
from digit_model.network import NetworkConfig

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def pictures(tmp_path):
    """Paths of a drawn 2 and 7, an empty page, and a text file."""
    paths = {name: str(tmp_path / f"{name}.png") for name in ("two", "seven", "empty", "text")}
    Image.fromarray(draw(2)).save(paths["two"])
    Image.fromarray(draw(7)).save(paths["seven"])
    Image.new("L", (300, 300), 255).save(paths["empty"])
    Path(paths["text"]).write_text("seven")
    return paths


@pytest.fixture
def small(monkeypatch):
    """A hundredth of MNIST, and a preset that learns it in a moment."""
    whole = {split: dataset.load_mnist(split) for split in ("train", "test")}
    monkeypatch.setattr(dataset, "load_mnist", lambda split: Dataset(*(part[:600] for part in whole[split])))
    monkeypatch.setitem(network.PRESETS, "fast", NetworkConfig(dense_units=(32,)))
    config = training.TrainingConfig(epochs=2, batch_size=50, validation_images=100)
    monkeypatch.setitem(training.PRESETS, "fast", config)
    return config


def complaints(capsys):
    return capsys.readouterr().err.strip().splitlines()


# predict


def test_predict_prints_a_json_line_for_each_file(pictures, capsys):
    assert command.main(["predict", pictures["two"], pictures["seven"]]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["file"], line["digit"]) for line in lines] == [(pictures["two"], 2), (pictures["seven"], 7)]
    for line in lines:
        assert len(line["probabilities"]) == 10
        assert sum(line["probabilities"]) == pytest.approx(1)
        assert line["confidence"] == max(line["probabilities"])


def test_predict_reads_no_digit_in_an_empty_page(pictures, capsys):
    assert command.main(["predict", pictures["empty"]]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["digit"] is None
    assert line["confidence"] is None


def test_predict_complains_of_a_bad_file_and_reads_the_others(pictures, tmp_path, capsys):
    missing, folder = str(tmp_path / "none.png"), str(tmp_path)
    assert command.main(["predict", pictures["text"], missing, folder, pictures["seven"]]) == 1
    output = capsys.readouterr()
    assert [json.loads(line)["digit"] for line in output.out.splitlines()] == [7]
    first, second, third = output.err.splitlines()
    assert first == f"{pictures['text']}: This file is not a picture; a PNG, JPEG, GIF or WebP would do."
    assert second == f"{missing}: No such file or directory."
    assert third == f"{folder}: Is a directory."


@pytest.mark.parametrize("verb", ["predict", "evaluate"])
@pytest.mark.parametrize(("name", "words"), [("none.keras", "There is no model file"), ("text.png", "not a .keras")])
def test_a_model_that_cannot_be_read_is_one_sentence(pictures, tmp_path, capsys, verb, name, words):
    files = [pictures["two"]] if verb == "predict" else []
    assert command.main([verb, *files, "--model", str(tmp_path / name)]) == 1
    (sentence,) = complaints(capsys)
    assert words in sentence


def test_predict_can_read_with_another_model(pictures, tmp_path, capsys):
    path = str(tmp_path / "own.keras")
    network.save(network.build(NetworkConfig()), path)
    assert command.main(["predict", pictures["two"], "--model", path]) == 0
    assert json.loads(capsys.readouterr().out)["confidence"] < 0.9


def test_as_a_program_it_complains_once_and_says_so_in_its_status(tmp_path):
    path = tmp_path / "huge.png"
    Image.new("1", (10_000, 10_000)).save(path)
    run = [sys.executable, "-m", "digit_model", "predict", str(path)]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith(f"{path}: This picture is 10,000 x 10,000 pixels")
    assert "Traceback" not in done.stderr
    assert "Decompression" not in done.stderr


# evaluate


def test_evaluate_prints_its_accuracy_as_json(small, capsys):
    assert command.main(["evaluate", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert 0.97 < report["accuracy"] <= 1
    assert len(report["digit_accuracy"]) == len(report["confusion"]) == 10
    assert sum(map(sum, report["confusion"])) == 600
    assert 0 <= report["calibration_error"] < 0.05
    assert sum(row["count"] for row in report["reliability"]) == 600


def test_evaluate_prints_a_table_for_people(small, capsys):
    assert command.main(["evaluate"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("accuracy 0.9")
    assert [line.split()[0] for line in lines[3:13]] == list("0123456789")
    assert lines[14].startswith("expected calibration error 0.0")
    assert lines[-1].startswith("0.9 to 1.0")


# train


def test_train_saves_a_model_that_can_be_read_with(small, pictures, tmp_path, capsys):
    path = str(tmp_path / "trained.keras")
    assert command.main(["train", "--save", path]) == 0
    output = capsys.readouterr()
    assert output.out.splitlines()[-1].endswith(f"Saved as {path}.")
    assert "Epoch 2 of 2" in output.err
    assert "25,450 weights" in output.err
    assert command.main(["predict", pictures["two"], "--model", path]) == 0


def test_train_takes_the_settings_that_are_typed(small, tmp_path, capsys, monkeypatch):
    taken = []
    monkeypatch.setattr(training, "train", lambda model, data, config: taken.append(config) or ())
    typed = ["--epochs", "3", "--batch-size", "20", "--learning-rate", "0.01", "--seed", "4"]
    assert command.main(["train", "--preset", "fast", *typed, "--save", str(tmp_path / "a.keras")]) == 0
    assert taken == [replace(small, epochs=3, batch_size=20, learning_rate=0.01, seed=4)]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["--epochs", "0"], "Epochs takes a whole number from 1"),
        (["--batch-size", "-1"], "Batch size takes a whole number from 1"),
        (["--learning-rate", "nan"], "Learning rate takes a number"),
        (["--batch-size", "600"], "600"),
        (["--save", "model.h5"], ".keras file, not as 'model.h5'"),
        (["--save", "none/model.keras"], "There is no folder 'none'"),
    ],
    ids=" ".join,
)
def test_train_refuses_what_cannot_be_in_one_sentence(small, tmp_path, capsys, monkeypatch, typed, words):
    monkeypatch.chdir(tmp_path)
    assert command.main(["train", "--save", "model.keras", *typed]) == 1
    sentences = [line for line in complaints(capsys) if not line.endswith("weights")]
    assert len(sentences) == 1
    assert words in sentences[0]
    assert not list(tmp_path.iterdir())


# arguments


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "required"),
        (["guess"], "invalid choice"),
        (["predict"], "FILE"),
        (["train"], "--save"),
        (["train", "--save", "a.keras", "--preset", "huge"], "huge"),
        (["train", "--save", "a.keras", "--epochs", "many"], "many"),
        (["evaluate", "--loud"], "--loud"),
    ],
    ids=" ".join,
)
def test_arguments_that_make_no_sense_are_refused_by_name(arguments, words, capsys):
    with pytest.raises(SystemExit) as end:
        command.main(arguments)
    assert end.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["predict", "train", "evaluate", "benchmark"])
def test_every_command_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as end:
        command.main([verb, "--help"])
    assert end.value.code == 0
    assert f"python -m digit_model {verb}" in capsys.readouterr().out


def test_benchmark_tells_times_and_memory(capsys):
    assert command.main(["benchmark", "--count", "20", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["predictions"] == 20
    assert 0 < report["median_ms"] <= report["p95_ms"]
