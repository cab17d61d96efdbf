"""What a .keras file may hold, and the model made from it. Anyone may send such a file, so nothing in it is trusted.

Keras's own reader builds whatever a file names, however large, and names can lead to code. Here every setting is
checked against a list, and the model is made anew from what passed: numbers, and names from the lists below. Keras
never sees the file itself, and what the lists don't mention (how it was trained, say) is never looked at.
"""

import io
import json
import math
import re
import stat
import zipfile
from collections import Counter
from contextlib import contextmanager

import numpy as np

MEMBERS = ("config.json", "metadata.json", "model.weights.h5")
MAX_FILE_BYTES = 20 * 2**20
MAX_UNPACKED_BYTES = 64 * 2**20
MAX_CONFIG_BYTES = 2**20
MAX_RATIO = 100  # unpacked to packed
MAX_LAYERS = 64
MAX_WEIGHTS = 5_000_000
MAX_VALUES = 500_000  # that one layer hands to the next
MAX_MULTIPLICATIONS = 100_000_000  # for one picture: five times the shipped network's
MAX_LINKS = 4096  # names in the weights' HDF5 file
ACTIVATIONS = (  # all that network.build takes, and a few more
    *("linear", "relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid", "softmax"),
    *("relu6", "selu", "softplus", "softsign", "hard_sigmoid", "hard_silu", "mish"),
)
INITIALIZERS = (
    *("Zeros", "Ones", "Constant", "GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform"),
    *("LecunNormal", "RandomUniform", "RandomNormal", "TruncatedNormal", "VarianceScaling", "Orthogonal"),
)


class ModelError(ValueError):
    """A model file that is refused, in one sentence that says what arrived and what would do."""


def read(path):
    """The Keras model in the .keras file `path`, from (n, 28, 28), 0 to 255, to float32 (n, 10), rows adding up to 1.

    Raises:
        ModelError: for a file that is not such a model, goes beyond the limits above, or may carry code.
        OSError: where the file can't be read.
    """
    members = _unpack(path)
    with _refusing("file does not describe its layers the way Keras does"):
        layers = _make_layers(_descriptions(members["config.json"]))
        plan = _plan(layers)
    with _refusing("file does not hold its weights the way Keras does"):
        weights = _read_weights(members["model.weights.h5"], layers, plan)
    with _refusing("model has layers that don't work together"):
        model = _assemble(layers, weights)
        _check_predictions(model)
    return model


def _error(what):
    return ModelError(f"This {what}; a model saved here would do.")


@contextmanager
def _refusing(what):
    """Turns whatever the block raises into a ModelError: readers of zip, JSON and HDF5 raise anything on odd bytes."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        raise _error(what) from error


def _say(value):
    """A value from the file, fit for a sentence on a page: short, and without markup."""
    if isinstance(value, dict):
        value = value.get("class_name")
    words = value if isinstance(value, str) else json.dumps(value)
    return words if re.fullmatch(r"[\w\[\]., ()-]{1,40}", words, re.ASCII) else "something odd"


# The archive


def _unpack(path):
    """The members of the .keras file `path`, {name: bytes}, kept in memory: nothing is unpacked to the disk."""
    with open(path, "rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise _error(f"file has more than the {MAX_FILE_BYTES >> 20} MB that a model file may have")
    if data.count(b"PK\1\2") > 100:  # zipfile reads a directory whole, be it a million entries long
        raise _error("file holds more than the three parts of a .keras file")
    with _refusing("file is not a .keras file, or only a piece of one"), zipfile.ZipFile(io.BytesIO(data)) as archive:
        _check_members(archive.infolist())
        return {member.filename: _read_member(archive, member) for member in archive.infolist()}


def _check_members(members):
    """Raises ModelError unless these zipfile.ZipInfos are MEMBERS, each once, plainly packed and within the limits."""
    if sorted(member.filename for member in members) != sorted(MEMBERS):
        raise _error(f"file does not hold {', '.join(MEMBERS)}, each once and nothing else, as a .keras file does")
    for member in members:
        packed = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        if stat.S_ISLNK(member.external_attr >> 16) or member.compress_type not in packed:
            raise _error(f"file holds {member.filename} in a way that a .keras file does not")
        limit = MAX_CONFIG_BYTES if member.filename.endswith(".json") else MAX_UNPACKED_BYTES
        if member.file_size > min(limit, MAX_RATIO * member.compress_size):
            raise _error(f"file's {member.filename} unpacks to more than a model file may")


def _read_member(archive, member):
    """The bytes of one member, no more than it declares: a file can declare less than what comes out of it."""
    with archive.open(member) as file:
        return file.read(member.file_size)


# The layers


def _is_off(value):
    return value is None or value is False


def _is_flag(value):
    return isinstance(value, bool)


def _is_size(value):
    return type(value) is int and 1 <= value <= 4096


def _is_number(value):
    return type(value) in (int, float) and abs(value) <= 1e6  # not so for NaN


def _is_number_or_none(value):
    return value is None or _is_number(value)


def _is_seed(value):
    return value is None or isinstance(value, int)


def _is_pair(value):
    return isinstance(value, list) and len(value) == 2 and all(_is_size(size) and size <= 28 for size in value)


def _is_shape(value):
    return isinstance(value, list) and 1 <= len(value) <= 4 and all(size == -1 or _is_size(size) for size in value)


def _is_name(value):
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][\w.-]{0,63}", value, re.ASCII) is not None


def _is_padding(value):
    return value in ("valid", "same")


def _is_activation(value):
    return value in ACTIVATIONS  # by name: a function's description is a dict


def _is_last_axis(value):
    return value == -1


def _is_channels_last(value):
    return value == "channels_last"


def _is_keras_object(value, module, kinds):
    """Whether `value` describes an object that Keras itself has in `module`, of one of these classes."""
    return (
        isinstance(value, dict)
        and value.get("module") == module
        and value.get("class_name") in kinds
        and value.get("registered_name") is None
        and isinstance(value.get("config"), dict)
    )


def _is_initializer(value):
    known = _is_keras_object(value, "keras.initializers", INITIALIZERS)
    return known and all(_is_plain(setting) for setting in value["config"].values())


def _is_plain(value):
    return value is None or isinstance(value, (int, float)) or _is_name(value)


def _is_float32(value):
    policy = _is_keras_object(value, "keras", ("DTypePolicy",)) and value["config"] == {"name": "float32"}
    return policy or value == "float32"


# What each layer may say, and what makes it acceptable; these settings are handed to Keras.
_POOLING = {"pool_size": _is_pair, "strides": _is_pair, "padding": _is_padding}
SETTINGS = {
    "Reshape": {"target_shape": _is_shape},
    "Rescaling": {"scale": _is_number, "offset": _is_number},
    "Conv2D": {
        "filters": _is_size,
        "kernel_size": _is_pair,
        "strides": _is_pair,
        "padding": _is_padding,
        "dilation_rate": _is_pair,
        "activation": _is_activation,
        "use_bias": _is_flag,
    },
    "BatchNormalization": {
        "axis": _is_last_axis,
        "momentum": _is_number,
        "epsilon": _is_number,
        "center": _is_flag,
        "scale": _is_flag,
    },
    "Activation": {"activation": _is_activation},
    "ReLU": {"max_value": _is_number_or_none, "negative_slope": _is_number, "threshold": _is_number},
    "LeakyReLU": {"negative_slope": _is_number},
    "Softmax": {"axis": _is_last_axis},
    "MaxPooling2D": _POOLING,
    "AveragePooling2D": _POOLING,
    "GlobalAveragePooling2D": {"keepdims": _is_flag},
    "Flatten": {},
    "Dense": {"units": _is_size, "activation": _is_activation, "use_bias": _is_flag},
    "Dropout": {"rate": _is_number},
}
# What any layer may say beside; checked and then left out, since it changes nothing in a trained network.
_LEFT_OUT = {
    "trainable": _is_flag,
    "dtype": _is_float32,
    "data_format": _is_channels_last,
    "groups": lambda value: value == 1,
    "seed": _is_seed,
    "renorm_momentum": _is_number,
    "kernel_initializer": _is_initializer,
    "bias_initializer": _is_initializer,
    "beta_initializer": _is_initializer,
    "gamma_initializer": _is_initializer,
    "moving_mean_initializer": _is_initializer,
    "moving_variance_initializer": _is_initializer,
}


def _descriptions(text):
    """The descriptions (dicts) of the layers after the input, from the bytes of config.json."""
    config = json.loads(text)
    if not _is_keras_object(config, "keras", ("Sequential",)):
        raise _error(f"file describes {_say(config)}, not a Sequential model of Keras")
    first, *others = config["config"]["layers"]
    if len(others) >= MAX_LAYERS:
        raise _error(f"model has {len(others) + 1} layers, more than {MAX_LAYERS}")
    if not _is_keras_object(first, "keras.layers", ("InputLayer",)):
        raise _error(f"model begins with {_say(first)}, not with an InputLayer of 28 x 28 pixels")
    if first["config"]["batch_shape"] != [None, 28, 28]:
        raise _error(f"model takes {_say(first['config']['batch_shape'])}, not [null, 28, 28]")
    return others


def _make_layers(descriptions):
    """A Keras layer for each description, not built yet: it has no weights."""
    from keras import layers

    read = [_read_layer(description) for description in descriptions]
    return [getattr(layers, kind)(**settings) for kind, settings in read]


def _read_layer(description):
    """The class name of a layer and its settings (a dict of numbers, names and lists of numbers)."""
    if not _is_keras_object(description, "keras.layers", tuple(SETTINGS)):
        raise _unknown_layer(description)
    kind, settings = description["class_name"], {}
    known = {"name": _is_name, **SETTINGS[kind]}
    for name, value in description["config"].items():
        if not (known.get(name) or _LEFT_OUT.get(name, _is_off))(value):
            raise _error(f"model's {kind} layer has {_say(name)} {_say(value)}, which is not taken here")
        if name in known:
            settings[name] = value
    return kind, settings


def _unknown_layer(description):
    kind = _say(description)
    if kind == "Lambda":
        return _error("model has a Lambda layer, which can carry code")
    if description["module"] not in ("keras", "keras.layers") or description["registered_name"] is not None:
        return _error(f"model has a layer, {kind}, that is not Keras's own and can carry code")
    return _error(f"model has a layer, {kind}, that is not among those known here")


# The weights


def _plan(layers):
    """The shapes of every layer's weights, a list for each layer, worked out before Keras makes any of them."""
    shape, plan, multiplications = (None, 28, 28), [], 0
    for layer in layers:
        weights = _weight_shapes(layer, shape)
        shape = layer.compute_output_shape(shape)
        plan.append(weights)
        multiplications += sum(map(math.prod, weights[:1])) * math.prod(shape[1:-1])
        if math.prod(shape[1:]) > MAX_VALUES or multiplications > MAX_MULTIPLICATIONS:
            raise _error("model takes too much work for one picture")
    count = sum(math.prod(weight) for weights in plan for weight in weights)
    if count > MAX_WEIGHTS:
        raise _error(f"model has {count:,} weights, more than {MAX_WEIGHTS:,}")
    if shape != (None, 10):
        raise _error(f"model gives {list(shape[1:])} numbers for a picture, not the ten of the digits")
    return plan


def _weight_shapes(layer, shape):
    """The shapes of the weights that `layer` makes for an input of `shape`, in the order Keras keeps them."""
    from keras import layers

    if isinstance(layer, layers.BatchNormalization):
        return [shape[-1:]] * (layer.center + layer.scale + 2)
    if isinstance(layer, layers.Conv2D):
        kernel = (*layer.kernel_size, shape[-1], layer.filters)
    elif isinstance(layer, layers.Dense):
        kernel = (shape[-1], layer.units)
    else:
        return []
    return [kernel, kernel[-1:]] if layer.use_bias else [kernel]


def _read_weights(data, layers, plan):
    """The weights of each layer, a list of float32 arrays of the shapes in `plan`, from the bytes of the HDF5 file."""
    import h5py

    folders = {"Conv2D": "conv2d", "BatchNormalization": "batch_normalization", "Dense": "dense"}
    seen, weights = Counter(), []
    with h5py.File(io.BytesIO(data), "r") as file:
        _check_links(file)
        for layer, shapes in zip(layers, plan, strict=True):
            folder = folders.get(type(layer).__name__)
            number = f"_{seen[folder]}" if seen[folder] else ""
            seen[folder] += 1
            path = f"layers/{folder}{number}/vars/"
            weights.append([_read_array(file[f"{path}{index}"], shape) for index, shape in enumerate(shapes)])
    return weights


def _check_links(file):
    """Raises ModelError where anything in the HDF5 file leads out of it or aside, or is not plainly stored in it."""
    import h5py

    groups, links = [file], 0
    while groups:
        group = groups.pop()
        links += len(group)
        if links > MAX_LINKS:  # also where a group holds itself
            raise _error("file holds far more than its weights")
        for name in group:
            if group.get(name, getclass=True, getlink=True) is not h5py.HardLink:
                raise _error("file's weights lead elsewhere")
            if isinstance(group[name], h5py.Group):
                groups.append(group[name])
            elif group[name].external or group[name].is_virtual or group[name].chunks:
                raise _error("file's weights are not stored plainly in it")


def _read_array(dataset, shape):
    """The float32 array of `shape` in an HDF5 dataset, read only where it is really there."""
    if dataset.shape != shape or dataset.dtype != np.float32:
        arrived = f"{list(dataset.shape)} of {dataset.dtype.name}"
        raise _error(f"file has weights {arrived} where its layers take {list(shape)} of float32")
    if dataset.id.get_storage_size() != dataset.nbytes:
        raise _error("file is without some of its weights")
    array = dataset[()]
    if not np.isfinite(array).all():
        raise _error("model has weights that are not numbers (its training went wrong)")
    return array


# The model


def _assemble(layers, weights):
    """The Keras model of these layers and weights."""
    import keras

    model = keras.Sequential([keras.Input((28, 28)), *layers])
    for layer, arrays in zip(layers, weights, strict=True):
        if arrays:
            layer.set_weights(arrays)
    return model


def _check_predictions(model):
    """Raises ModelError unless a blank picture, a full one and a shaded one all give ten probabilities."""
    shaded = np.linspace(0, 255, 28 * 28, dtype=np.float32).reshape(28, 28)
    pictures = np.stack([np.zeros_like(shaded), np.full_like(shaded, 255), shaded])
    rows = model(pictures, training=False).numpy()
    if not ((rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=1e-3)):
        raise _error("model's ten numbers are not probabilities adding up to 1 (its last layer is not a softmax)")
