"""Settings as plain values, the way a form holds them, to the dataclasses that check them, and back."""

from dataclasses import asdict
from math import prod

from digit_model import network, training
from digit_model.checks import SettingError
from digit_model.dataset import Augmentation, load_mnist
from digit_model.explain import varied


def presets():
    """Every preset as plain values: {name: {"network": {...}, "training": {...}}}."""
    return {
        name: {"network": asdict(config), "training": asdict(training.PRESETS[name])}
        for name, config in network.PRESETS.items()
    }


def are_preset(name, made, config):
    """True where a NetworkConfig and a TrainingConfig are the preset's own."""
    return made == network.PRESETS[name] and config == training.PRESETS[name]


def describe(values):
    """What {"network": ..., "training": ...} makes, as plain values.

    Returns:
        layers: rows (name, shape, weights). weights: their sum. gist: a few words on network, learning and images.
        varied: a data: URL of one digit varied, or None where the images stay as they are.

    Raises:
        SettingError: as `to_network` does.
    """
    made, config = to_network(values["network"]), to_training(values["training"])
    check_step(config, made)
    layers = made.layers()
    weights = sum(layer.weights for layer in layers)
    still, written = config.augmentation == Augmentation(), config.pen_digits + config.pen_others
    blocks = len(made.convolutions)
    return {
        "layers": layers,
        "weights": weights,
        "gist": {
            "network": f"{blocks} convolution{'' if blocks == 1 else 's'}, {weights:,} weights",
            "learning": config.gist,
            "images": ("as they are" if still else "varied") + (f", {written:,} extra" if written else ""),
        },
        "varied": None if still else varied(load_mnist("train").images[7777], config.augmentation),
    }


def check_step(config, made, model=None):
    """Refuses a batch that this machine would choke on, or that would keep Stop waiting.

    Args:
        config: a TrainingConfig.
        made: the NetworkConfig that it is to train.
        model: the Keras model that it is to go on from instead, if any.

    Raises:
        SettingError: where one step needs over 60 million values in memory, or 4 billion multiplications.
    """
    if model is None:
        layers = [(layer.shape, layer.multiplications) for layer in made.layers()]
    else:  # every weight of a layer works once at each place of what comes out
        shapes = [(layer.output.shape[1:], layer.count_params()) for layer in model.layers]
        layers = [(shape, prod(shape[:-1]) * weights) for shape, weights in shapes]
    values = sum(prod(shape) for shape, _ in layers)
    work = max(sum(multiplications for _, multiplications in layers), 1)
    most = min(60_000_000 // values, 4_000_000_000 // work)
    if config.batch_size > most:
        message = f"With this network a batch takes up to {most:,} images, not {config.batch_size:,}."
        raise SettingError("batch_size", message)


def to_network(values):
    """A NetworkConfig of plain values.

    Raises:
        SettingError: for a setting out of range or of another name; `setting` is like "convolutions.0.filters".
    """
    values = _checked(values, "network")
    rows = values.pop("convolutions", ())
    convolutions = (_make(network.Convolution, row, f"convolutions.{place}.") for place, row in enumerate(rows))
    units = tuple(values.pop("dense_units", ()))
    return _make(network.NetworkConfig, {**values, "convolutions": tuple(convolutions), "dense_units": units})


def to_training(values):
    """A TrainingConfig of plain values; raises SettingError as `to_network` does."""
    values = _checked(values, "training")
    augmentation = _make(Augmentation, values.pop("augmentation", {}), "augmentation.")
    return _make(training.TrainingConfig, {**values, "augmentation": augmentation})


def _checked(values, name):
    if not isinstance(values, dict):
        raise SettingError(name, f"The {name} takes named settings, not {values!r}.")
    return dict(values)


def _make(kind, values, place=""):
    unknown = sorted(set(_checked(values, place or kind.__name__)) - set(kind.__dataclass_fields__))
    if unknown:
        raise SettingError(place + unknown[0], f"There is no setting {unknown[0]!r} here.")
    try:
        return kind(**values)
    except SettingError as error:
        raise SettingError(place + error.setting, str(error)) from error
    except TypeError as error:
        raise SettingError(place.rstrip("."), f"A setting is missing or of the wrong kind: {error}.") from error
