"""The command line: python -m digit_model predict | train | evaluate | benchmark (each explains itself with --help)."""

import argparse
import json
import sys
from dataclasses import replace

from digit_model import PictureError, Recognizer, network, sketch, training


def main(arguments=None):
    """Runs one command and returns the exit status: 0, or 1 where something could not be read or written."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (OSError, ValueError, ArithmeticError) as error:
        return _complain(error)


def _parser():
    parser = argparse.ArgumentParser(prog="python -m digit_model", description="Reads hand-drawn digits.")
    commands = parser.add_subparsers(required=True, metavar="predict | train | evaluate | benchmark")

    command = commands.add_parser("predict", help="read the digit in each picture; prints a JSON line a file")
    command.add_argument("files", nargs="+", metavar="FILE", help="a picture of one digit")
    command.set_defaults(run=_predict)

    command = commands.add_parser("train", help="train a network on MNIST and save it")
    command.add_argument("--preset", choices=network.PRESETS, default="fast", help="the network, and how it learns")
    command.add_argument("--epochs", type=int, help="times that every image is seen")
    command.add_argument("--batch-size", type=int, help="images a step")
    command.add_argument("--learning-rate", type=float, help="how far a step goes, or the highest of the schedule")
    command.add_argument("--seed", type=int, help="0 unless told: the same seed gives the same run")
    command.add_argument("--save", required=True, metavar="FILE", help="where the model goes, ending in .keras")
    command.set_defaults(run=_train)

    for name, run, text in (
        ("evaluate", _evaluate, "accuracy on MNIST's 10,000 test images"),
        ("benchmark", _benchmark, "time and memory of many predictions"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--json", action="store_true", help="print one JSON object")
        command.set_defaults(run=run)
    commands.choices["benchmark"].add_argument("--count", type=int, default=10_000, help="predictions (10,000)")
    for command in commands.choices.values():
        if command.get_default("run") is not _train:
            command.add_argument("--model", metavar="FILE", help="a .keras file other than the shipped network")
    return parser


def _complain(error):
    message = error.strerror and f"{error.filename}: {error.strerror}." if isinstance(error, OSError) else None
    print(message or error, file=sys.stderr)
    return 1


def _predict(options):
    recognizer, status = Recognizer.load(options.model), 0
    for file in options.files:
        try:
            prediction = recognizer.predict(sketch.open_picture(file))
        except PictureError as error:
            status = _complain(f"{file}: {error}")
        except OSError as error:
            status = _complain(error)
        else:
            line = {
                "file": file,
                "digit": prediction.digit,
                "guess": prediction.guess,
                "confidence": prediction.confidence,
                "probabilities": prediction.probabilities.tolist(),
            }
            print(json.dumps(line), flush=True)
    return status


def _train(options):
    typed = {name: getattr(options, name) for name in ("epochs", "batch_size", "learning_rate", "seed")}
    config = replace(
        training.PRESETS[options.preset], **{name: value for name, value in typed.items() if value is not None}
    )
    network.check_path(options.save)
    import keras

    from digit_model.dataset import load_mnist
    from digit_model.evaluation import evaluate

    keras.utils.set_random_seed(config.seed)
    model = network.build(network.PRESETS[options.preset])
    print(f"{options.preset}: {model.count_params():,} weights", file=sys.stderr)
    for progress in training.train(model, load_mnist("train"), config):
        in_epoch = progress.steps // progress.epochs
        if progress.step % in_epoch == 1 % in_epoch:
            print(f"Epoch {progress.epoch} of {progress.epochs}", file=sys.stderr)
            bar = keras.utils.Progbar(in_epoch, stateful_metrics=("loss", "accuracy", "validation accuracy"))
        values = [("loss", progress.loss), ("accuracy", progress.accuracy)]
        if progress.validation_accuracy is not None:
            values.append(("validation accuracy", progress.validation_accuracy))
        bar.update((progress.step - 1) % in_epoch + 1, values)
    network.save(model, options.save)
    print(f"Test accuracy {evaluate(model, load_mnist('test')).accuracy:.4f}. Saved as {options.save}.")
    return 0


def _evaluate(options):
    from digit_model.dataset import load_mnist
    from digit_model.evaluation import evaluate

    test = load_mnist("test")
    result = evaluate(network.load(options.model or network.SHIPPED), test)
    error, reliability = result.calibration_error(test.labels), result.reliability(test.labels)
    if options.json:
        report = {
            "accuracy": result.accuracy,
            "calibration_error": error,
            "reliability": [row._asdict() for row in reliability],
            "digit_accuracy": result.digit_accuracy.tolist(),
            "confusion": result.confusion.tolist(),
        }
        print(json.dumps(report))
        return 0
    print(f"accuracy {result.accuracy:.4f}\n\ndigit  accuracy   read as" + "".join(f"{digit:5}" for digit in range(10)))
    for digit, (accuracy, row) in enumerate(zip(result.digit_accuracy, result.confusion, strict=True)):
        print(f"{digit:5}  {accuracy:8.4f}          " + "".join(f"{count:5}" for count in row))
    print(f"\nexpected calibration error {error:.4f}\n\nconfidence   images  mean confidence  accuracy")
    for row in reliability:
        print(f"{row.low:.1f} to {row.high:.1f}  {row.count:7}  {row.confidence:15.4f}  {row.accuracy:8.4f}")
    return 0


def _benchmark(options):
    from time import perf_counter

    import numpy as np

    from digit_model.dataset import load_mnist

    recognizer = Recognizer.load(options.model)
    images = load_mnist("test").images[:50]
    pictures = [255 - np.pad(np.kron(image, np.ones((10, 10), np.uint8)), 60) for image in images]  # 400 x 400
    seconds, memory, count = [], [], options.count
    for number in range(count):
        begin = perf_counter()
        recognizer.predict(pictures[number % len(pictures)])
        seconds.append(perf_counter() - begin)
        if number in (count // 10, count - 1):
            memory.append(_peak_memory())
    report = {
        "predictions": count,
        "median_ms": round(1000 * float(np.median(seconds)), 2),
        "p95_ms": round(1000 * float(np.percentile(seconds, 95)), 2),
        "memory_growth_mb": round(memory[-1] - memory[0], 1),
    }
    print(json.dumps(report) if options.json else "\n".join(f"{name} {value}" for name, value in report.items()))
    return 0


def _peak_memory():
    """The most memory that this process has held, in MB; NaN where Python doesn't tell (Windows)."""
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:
        return float("nan")
    return getrusage(RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    sys.exit(main())
