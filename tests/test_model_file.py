"""A model file from anyone: what network.save wrote comes back the same, and everything else is refused unharmed."""

import io
import json
import stat
import struct
import tracemalloc
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from digit_model import network
from digit_model.network import Convolution, NetworkConfig

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # as Keras saves
TINY = NetworkConfig(convolutions=(Convolution(2, 5, 4),), batch_normalization=True, dense_units=(4,), dropout=0.5)
WEIGHT = "layers/dense/vars/0"  # (72, 4)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The members of a small saved model, {name: bytes}."""
    path = tmp_path_factory.mktemp("saved") / "tiny.keras"
    network.save(network.build(TINY), path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def canary(tmp_path):
    """A file that is there only if what a model file carries was run."""
    return tmp_path / "canary"


def refusal(path):
    """The sentence that network.load refuses `path` with."""
    with pytest.raises(network.ModelError) as refused:
        network.load(path)
    sentence = str(refused.value)
    assert sentence.startswith("This ")
    assert sentence.endswith("; a model saved here would do.")
    assert len(sentence) < 200
    assert not set("\n<>&") & set(sentence)
    return sentence


def pack(path, members, compression=zipfile.ZIP_STORED):
    """Writes members, (name or ZipInfo, bytes) pairs, as a zip file; returns its path."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def with_config(saved, path, change):
    """A model file whose config.json was changed: change(config) edits it in place, or returns another."""
    config = json.loads(saved["config.json"])
    config = change(config) or config
    return pack(path, (saved | {"config.json": json.dumps(config)}).items())


def with_weights(saved, path, change):
    """A model file whose HDF5 file was changed: change(file) edits it in place."""
    buffer = io.BytesIO(saved["model.weights.h5"])
    with h5py.File(buffer, "r+") as file:
        change(file)
    return pack(path, (saved | {"model.weights.h5": buffer.getvalue()}).items())


def layer(config, kind):
    """The description of the first layer of a class."""
    return next(layer for layer in config["config"]["layers"] if layer["class_name"] == kind)


def save_layers(path, *between, shape=(28, 28)):
    """A model of these layers, saved as it is by Keras."""
    keras.Sequential([keras.Input(shape), *between]).save(path)
    return path


def shake(model):
    """Gives every weight a value of its own, as training would."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(random.uniform(0.05, 0.5, weight.shape))
    return model


def predictions(model):
    images = np.random.default_rng(1).integers(0, 256, (4, 28, 28)).astype(np.float32)
    return model(images, training=False).numpy()


# What comes back

SMALL = (Convolution(2, 5, 2), Convolution(3, 3))
CONFIGS = {
    **network.PRESETS,
    **{
        name: NetworkConfig(SMALL[:1], activation=name, dense_units=(3,), dense_activation=name)
        for name in network.ACTIVATIONS
    },
    **{f"{name} pooling": NetworkConfig(SMALL[:1], pooling=name) for name in network.POOLINGS},
    "same padding": NetworkConfig(SMALL, padding="same", pooling="average", pool_size=3),
    "everything": NetworkConfig(SMALL, "same", True, "gelu", "max", 2, (5, 4, 3), "tanh", 0.3),
    "nothing": NetworkConfig(),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_saved_network_predicts_the_same_when_loaded(config, tmp_path):
    model = shake(network.build(config))
    network.save(model, tmp_path / "model.keras")
    loaded = network.load(tmp_path / "model.keras")
    np.testing.assert_array_equal(predictions(loaded), predictions(model))
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]


def test_a_network_saved_with_its_optimizer_predicts_the_same_when_loaded(tmp_path):
    model = shake(network.build(TINY))
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    network.save(model, tmp_path / "model.keras")
    np.testing.assert_array_equal(predictions(network.load(tmp_path / "model.keras")), predictions(model))


def test_simple_layers_that_are_not_ours_are_taken(tmp_path):
    between = (
        layers.Reshape((28, 28, -1)),
        layers.Conv2D(4, 3, dilation_rate=2),
        layers.LeakyReLU(0.2),
        layers.ReLU(6.0),
        layers.GlobalAveragePooling2D(),
        layers.Dense(10, use_bias=False),
        layers.Softmax(),
    )
    model = shake(keras.Sequential([keras.Input((28, 28)), *between]))
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(predictions(network.load(tmp_path / "model.keras")), predictions(model))


def test_a_repacked_file_is_taken(saved, tmp_path):
    network.load(pack(tmp_path / "model.keras", reversed(saved.items()), zipfile.ZIP_DEFLATED))


def test_what_is_said_of_building_and_compiling_is_not_followed(saved, tmp_path, canary):
    def change(config):
        layer(config, "Dense")["build_config"] = {"input_shape": [None, 10**12]}
        layer(config, "Dense")["shared_object_id"] = layer(config, "Conv2D")["shared_object_id"] = 1
        config["compile_config"] = {"optimizer": touching(canary), "loss": touching(canary)}

    model = network.load(with_config(saved, tmp_path / "model.keras", change))
    untouched = network.load(pack(tmp_path / "untouched.keras", saved.items()))
    np.testing.assert_array_equal(predictions(model), predictions(untouched))
    assert not canary.exists()


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"'none\.keras'"):
        network.load(tmp_path / "none.keras")


# Code


def touching(canary, module="os", name="system"):
    """A description that would create the canary, were it followed."""
    return {
        "module": module,
        "class_name": name,
        "config": {"command": f"touch {canary}", "args": ["touch", str(canary)], "source": f"open('{canary}', 'w')"},
        "registered_name": name,
    }


def test_a_lambda_layer_is_refused_and_not_run(tmp_path, canary):
    name = str(canary)
    run = layers.Lambda(lambda pixels: (open(name, "w").close(), pixels)[1], output_shape=(28, 28))
    path = save_layers(tmp_path / "model.keras", run, layers.Flatten(), layers.Dense(10, "softmax"))
    keras.saving.load_model(path, safe_mode=False)(np.zeros((1, 28, 28)))
    assert canary.exists()  # so this is what the file would do
    canary.unlink()
    assert "Lambda layer, which can carry code" in refusal(path)
    assert not canary.exists()


def test_a_lambda_layer_that_names_a_function_is_refused(saved, tmp_path, canary):
    def change(config):
        function = {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}
        settings = {"name": "run", "function": function, "arguments": {"command": f"touch {canary}"}}
        layer(config, "Flatten").update(class_name="Lambda", config=settings)

    assert "Lambda" in refusal(with_config(saved, tmp_path / "model.keras", change))
    assert not canary.exists()


def test_a_registered_object_is_refused_though_this_process_knows_it(tmp_path, canary):
    class Registered(layers.Layer):
        def call(self, pixels):
            canary.touch()
            return pixels

    keras.saving.register_keras_serializable("elsewhere")(Registered)
    path = save_layers(tmp_path / "model.keras", Registered(), layers.Flatten(), layers.Dense(10, "softmax"))
    canary.unlink()
    assert "Registered, that is not Keras's own and can carry code" in refusal(path)
    assert not canary.exists()


@pytest.mark.parametrize("name", ["Flatten", "elsewhere>Registered"])
def test_a_registered_name_is_refused_on_a_layer_of_keras(name, saved, tmp_path):
    def change(config):
        layer(config, "Flatten")["registered_name"] = name

    assert "not Keras's own" in refusal(with_config(saved, tmp_path / "model.keras", change))


@pytest.mark.parametrize("module", ["os", "subprocess", "builtins", "keras.src.layers", "", None])
def test_a_layer_of_keras_is_taken_from_nowhere_else(module, saved, tmp_path):
    def change(config):
        layer(config, "Flatten")["module"] = module

    assert "not Keras's own" in refusal(with_config(saved, tmp_path / "model.keras", change))


PLACES = {
    "a layer": lambda config, evil: config["config"]["layers"].insert(3, evil),
    "the model": lambda config, evil: config | evil | {"config": config["config"]},
    "an initializer": lambda config, evil: layer(config, "Dense")["config"].update(kernel_initializer=evil),
    "an unknown setting": lambda config, evil: layer(config, "Dense")["config"].update(more={"deep": [evil]}),
    "an activation": lambda config, evil: layer(config, "Dense")["config"].update(activation=evil),
    "a regularizer": lambda config, evil: layer(config, "Conv2D")["config"].update(kernel_regularizer=evil),
    "a constraint": lambda config, evil: layer(config, "Conv2D")["config"].update(bias_constraint=evil),
    "a policy": lambda config, evil: layer(config, "Dropout")["config"].update(dtype=evil),
    "a size": lambda config, evil: layer(config, "Dense")["config"].update(units=evil),
    "a name": lambda config, evil: layer(config, "Dense")["config"].update(name=evil),
    "an initializer's seed": lambda config, evil: layer(config, "Dense")["config"]["kernel_initializer"][
        "config"
    ].update(seed=evil),
}
EVILS = {
    "os": lambda canary: touching(canary),
    "subprocess": lambda canary: touching(canary, "subprocess", "Popen"),
    "builtins": lambda canary: touching(canary, "builtins", "exec"),
    "no module": lambda canary: touching(canary, None, "system") | {"registered_name": None},
    "a function": lambda canary: {
        "module": "builtins",
        "class_name": "function",
        "config": "system",
        "registered_name": "system",
    },
    "a lambda": lambda canary: {"class_name": "__lambda__", "config": {"value": ["4wAAAA==", None, None]}},
    "another layer of Keras": lambda canary: {
        "module": "keras.layers",
        "class_name": "TFSMLayer",
        "config": {"filepath": str(canary)},
        "registered_name": None,
    },
    "a file's name": lambda canary: {"class_name": str(canary), "config": str(canary)},
}


@pytest.mark.parametrize("evil", EVILS.values(), ids=EVILS)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_nothing_but_names_and_numbers_is_taken(place, evil, saved, tmp_path, canary):
    def change(config):
        return place(config, evil(canary))

    refusal(with_config(saved, tmp_path / "model.keras", change))
    assert not canary.exists()


def test_markup_in_a_name_does_not_reach_the_sentence(saved, tmp_path):
    def change(config):
        layer(config, "Flatten")["class_name"] = "<img src=x onerror=alert(1)>"

    assert "something odd" in refusal(with_config(saved, tmp_path / "model.keras", change))


# The archive


@pytest.mark.parametrize(
    "name", ["../x", "/tmp/x", "C:\\x", "assets/x", "model.weights.npz", "config.json/../x", "config.json"]
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_more_member_is_refused(name, saved, tmp_path):
    (tmp_path / "in").mkdir()
    refusal(pack(tmp_path / "in" / "model.keras", [*saved.items(), (name, b"{}")]))
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "model.keras"]


@pytest.mark.parametrize("name", ["../config.json", "/config.json", "CONFIG.JSON"])
def test_a_member_elsewhere_is_refused(name, saved, tmp_path):
    members = [(name if old == "config.json" else old, data) for old, data in saved.items()]
    refusal(pack(tmp_path / "model.keras", members))


@pytest.mark.parametrize("missing", ["config.json", "metadata.json", "model.weights.h5"])
def test_a_member_less_is_refused(missing, saved, tmp_path):
    refusal(pack(tmp_path / "model.keras", [(name, data) for name, data in saved.items() if name != missing]))


def test_a_link_is_refused(saved, tmp_path):
    link = zipfile.ZipInfo("metadata.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    members = [(link if name == "metadata.json" else name, data) for name, data in saved.items()]
    refusal(pack(tmp_path / "model.keras", members))


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_unusual_packing_is_refused(compression, saved, tmp_path):
    refusal(pack(tmp_path / "model.keras", saved.items(), compression))


@pytest.mark.parametrize(("name", "size"), [("model.weights.h5", 10**8), ("model.weights.h5", 10**7)])
def test_a_bomb_is_refused(name, size, saved, tmp_path):
    bomb = saved | {name: bytes(size)}
    assert "unpacks to more" in refusal(pack(tmp_path / "model.keras", bomb.items(), zipfile.ZIP_DEFLATED))


def test_a_long_config_is_refused(saved, tmp_path):
    long = saved | {"config.json": saved["config.json"] + bytes(2**20)}
    assert "config.json unpacks to more" in refusal(pack(tmp_path / "model.keras", long.items()))


def test_a_member_that_declares_less_than_it_holds_is_not_unpacked(saved, tmp_path):
    path = pack(tmp_path / "model.keras", (saved | {"model.weights.h5": bytes(10**8)}).items(), zipfile.ZIP_DEFLATED)
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", 10**8), struct.pack("<I", 1000)))
    tracemalloc.start()
    refusal(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * 10**7


def test_a_file_of_a_million_members_is_refused_before_they_are_counted(tmp_path):
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, *([0] * 7), 1, *([0] * 6)) + b"x"
    directory = entry * 300_000
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 3, 3, len(directory), 0, 0)
    path = tmp_path / "model.keras"
    path.write_bytes(directory + end)
    assert "more than the three parts" in refusal(path)


def test_a_large_file_is_refused(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(bytes(21 * 2**20))
    assert "20 MB" in refusal(path)


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip file", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_what_is_not_a_zip_file_is_refused(data, tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(data)
    assert "is not a .keras file" in refusal(path)


def test_a_file_cut_short_anywhere_is_refused(saved, tmp_path):
    path = pack(tmp_path / "model.keras", saved.items())
    whole = path.read_bytes()
    for length in range(1, len(whole), len(whole) // 20):
        path.write_bytes(whole[:length])
        assert "is not a .keras file" in refusal(path)


def test_a_changed_byte_is_refused(saved, tmp_path):
    path = pack(tmp_path / "model.keras", saved.items())
    whole = path.read_bytes()
    for member in saved.values():
        place = whole.index(member) + len(member) // 2
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        refusal(path)


# The layers

DEEP = b"[" * 200_000


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"not JSON", b"\xff\xfe\x00", b"null", b"[]", b"{}", b'"Sequential"', b'{"config": {"layers": []}}'),
        *(DEEP, b'{"a":' * 100_000, DEEP + b"]" * 200_000, b"1" * 10_000),
    ],
    ids=lambda text: repr(text[:12]),
)
def test_a_config_that_describes_no_model_is_refused(text, saved, tmp_path):
    refusal(pack(tmp_path / "model.keras", (saved | {"config.json": text}).items()))


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("Dense", {"units": 10**9}),
        ("Dense", {"units": -1}),
        ("Dense", {"units": True}),
        ("Dense", {"units": 4.0}),
        ("Dense", {"activation": "no such function"}),
        ("Dense", {"activation": "exponential"}),
        ("Conv2D", {"filters": 10**9}),
        ("Conv2D", {"kernel_size": [10**5, 10**5]}),
        ("Conv2D", {"kernel_size": [3, 3, 3]}),
        ("Conv2D", {"strides": [0, 0]}),
        ("Conv2D", {"dilation_rate": [10**9, 1]}),
        ("Conv2D", {"groups": 2}),
        ("Conv2D", {"data_format": "channels_first"}),
        ("Conv2D", {"name": "<script>"}),
        ("Reshape", {"target_shape": [10**6, 10**6]}),
        ("Reshape", {"target_shape": [28, 28, 2]}),
        ("Reshape", {"target_shape": [-1, -1]}),
        ("Reshape", {"target_shape": [1] * 30}),
        ("Rescaling", {"scale": float("nan")}),
        ("Rescaling", {"scale": {"class_name": "__numpy__", "config": {"value": [1.0], "dtype": "float32"}}}),
        ("BatchNormalization", {"axis": [1, 2]}),
        ("BatchNormalization", {"synchronized": True}),
        ("Dropout", {"rate": 7}),
        ("Dropout", {"dtype": "float64"}),
        ("Dropout", {"dtype": keras.saving.serialize_keras_object(keras.DTypePolicy("mixed_float16"))}),
        ("Flatten", {"no_such_setting": 1}),
    ],
    ids=str,
)
def test_a_setting_that_would_not_do_is_refused(kind, settings, saved, tmp_path):
    def change(config):
        layer(config, kind)["config"].update(settings)

    refusal(with_config(saved, tmp_path / "model.keras", change))


def test_two_layers_of_one_name_are_refused(saved, tmp_path):
    def change(config):
        layer(config, "Dense")["config"]["name"] = layer(config, "Conv2D")["config"]["name"]

    assert "don't work together" in refusal(with_config(saved, tmp_path / "model.keras", change))


def test_a_setting_that_is_missing_is_refused(saved, tmp_path):
    refusal(with_config(saved, tmp_path / "model.keras", lambda config: layer(config, "Dense")["config"].pop("units")))
    refusal(with_config(saved, tmp_path / "model.keras", lambda config: layer(config, "Dense").pop("config")))


def repeat(kind, count, **settings):
    """A change to a config: its first layer of a class `count` times, with other settings."""

    def change(config):
        one = layer(config, kind)
        copies = [one | {"config": one["config"] | settings | {"name": f"copy{number}"}} for number in range(count)]
        place = config["config"]["layers"].index(one)
        config["config"]["layers"][place : place + 1] = copies

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (repeat("Dense", 3, units=4096), "33,902,660 weights"),
        (repeat("Conv2D", 3, filters=512, padding="same", strides=[1, 1]), "too much work"),
        (repeat("Conv2D", 1, filters=4096, kernel_size=[1, 1], strides=[1, 1]), "too much work"),
        (repeat("Flatten", 60), "69 layers"),
        (repeat("Flatten", 5000), "config.json unpacks"),
    ],
    ids=["weights", "multiplications", "values", "layers", "many layers"],
)
def test_a_model_too_large_is_refused_before_it_is_built(change, reason, saved, tmp_path):
    assert reason in refusal(with_config(saved, tmp_path / "model.keras", change))


def test_pictures_of_another_size_are_refused(tmp_path):
    path = save_layers(tmp_path / "model.keras", layers.Flatten(), layers.Dense(10, "softmax"), shape=(32, 32, 3))
    assert "takes [null, 32, 32, 3], not [null, 28, 28]" in refusal(path)


@pytest.mark.parametrize("between", [[layers.Flatten, layers.Dense], [layers.Dense]], ids=["100 classes", "28 rows"])
def test_other_than_ten_numbers_are_refused(between, tmp_path):
    last = layers.Dense(100 if len(between) == 2 else 10, "softmax")
    path = save_layers(tmp_path / "model.keras", *[one() for one in between[:-1]], last)
    assert "not the ten of the digits" in refusal(path)


@pytest.mark.parametrize("activation", ["linear", "sigmoid", "relu"])
def test_numbers_that_are_no_probabilities_are_refused(activation, tmp_path):
    path = save_layers(tmp_path / "model.keras", layers.Flatten(), layers.Dense(10, activation))
    assert "not probabilities" in refusal(path)


def test_less_than_nothing_is_no_probability(tmp_path):
    last = layers.Dense(10, kernel_initializer="zeros")
    path = tmp_path / "model.keras"
    model = keras.Sequential([keras.Input((28, 28)), layers.Flatten(), last])
    last.bias.assign([2, -1, *[0] * 8])
    model.save(path)
    assert "not probabilities" in refusal(path)


def test_a_model_in_a_model_is_refused(tmp_path):
    inner = keras.Sequential([keras.Input((28, 28)), layers.Flatten()])
    path = save_layers(tmp_path / "model.keras", inner, layers.Dense(10, "softmax"))
    assert "has a layer, Sequential," in refusal(path)


def test_a_functional_model_is_refused(tmp_path):
    pixels = keras.Input((28, 28))
    model = keras.Model(pixels, layers.Dense(10, "softmax")(layers.Flatten()(pixels)))
    model.save(tmp_path / "model.keras")
    assert "Functional" in refusal(tmp_path / "model.keras")


def test_a_model_that_does_not_say_what_it_takes_is_refused(saved, tmp_path):
    assert "begins with Reshape" in refusal(
        with_config(saved, tmp_path / "model.keras", lambda config: config["config"]["layers"].pop(0) and None)
    )


# The weights


def replace(file, value=None, **options):
    """Puts something else in the place of one weight; returns what was there."""
    old = file[WEIGHT][()]
    del file[WEIGHT]
    if value is not None:
        file[WEIGHT] = value
    elif options:
        file.create_dataset(WEIGHT, **options)
    return old


@pytest.mark.parametrize("place", [WEIGHT, "elsewhere", "layers/dense_1/vars/elsewhere"])
@pytest.mark.parametrize("link", [h5py.ExternalLink("other.h5", "/weights"), h5py.SoftLink("/layers/dense/vars/1")])
def test_links_are_refused(link, place, saved, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["weights"] = np.zeros((72, 4), np.float32)

    def change(file):
        if place in file:
            del file[place]
        file[place] = link

    assert "lead elsewhere" in refusal(with_weights(saved, tmp_path / "model.keras", change))


@pytest.mark.parametrize("place", [WEIGHT, "elsewhere"])
def test_weights_stored_in_another_file_are_refused(place, saved, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(72 * 4 * 4))

    def change(file):
        if place in file:
            del file[place]
        file.create_dataset(place, (72, 4), "float32", external=[(str(secret), 0, 72 * 4 * 4)])

    assert "not stored plainly" in refusal(with_weights(saved, tmp_path / "model.keras", change))


def test_weights_put_together_from_other_files_are_refused(saved, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["weights"] = np.zeros((72, 4), np.float32)
        layout = h5py.VirtualLayout((72, 4), "float32")
        layout[:] = h5py.VirtualSource(other["weights"])

    def change(file):
        del file[WEIGHT]
        file.create_virtual_dataset(WEIGHT, layout)

    assert "not stored plainly" in refusal(with_weights(saved, tmp_path / "model.keras", change))


@pytest.mark.parametrize(
    "options",
    [
        {"shape": (10**6, 10**6), "dtype": "float32", "chunks": (1000, 1000), "compression": "gzip"},
        {"shape": (10**6, 10**6), "dtype": "float32"},
        {"shape": (72, 4), "dtype": "float32"},
        {"shape": (72, 4), "dtype": "float32", "chunks": (72, 4)},
        {"shape": (72, 4), "dtype": "float32", "maxshape": (None, 4), "chunks": (10**7, 4), "compression": "gzip"},
        {"data": np.zeros((72, 4), np.float32), "chunks": (72, 4)},
        {"data": np.zeros((72, 4), np.float64)},
        {"data": np.zeros((72, 4), np.int32)},
        {"data": np.zeros((4, 72), np.float32)},
        {"data": np.zeros(0, np.float32)},
        {"data": "words"},
        {"data": ["words"] * 72},
        {"shape": None, "dtype": "float32"},
        {},
    ],
    ids=str,
)
def test_weights_that_the_layer_does_not_take_are_refused(options, saved, tmp_path):
    refusal(with_weights(saved, tmp_path / "model.keras", lambda file: replace(file, **options)))


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_numbers_are_refused(number, saved, tmp_path):
    def change(file):
        file[WEIGHT][3, 1] = number

    assert "not numbers" in refusal(with_weights(saved, tmp_path / "model.keras", change))


def test_weights_too_large_to_calculate_with_are_refused(saved, tmp_path):
    def change(file):
        file["layers/dense_1/vars/1"][:5] = 3e38
        file["layers/dense/vars/1"][:] = 3e38
        file["layers/dense_1/vars/0"][:] = 3e38

    assert "not probabilities" in refusal(with_weights(saved, tmp_path / "model.keras", change))


def many(file):
    for number in range(5000):
        file[f"more/{number}"] = h5py.SoftLink("/")


def endless(file):
    file["layers/layers"] = file["layers"]


@pytest.mark.parametrize("change", [many, endless])
def test_folders_without_end_are_refused(change, saved, tmp_path):
    assert "more" in refusal(with_weights(saved, tmp_path / "model.keras", change))


@pytest.mark.parametrize("data", [b"", b"not HDF5", b"\x89HDF\r\n\x1a\n"])
def test_weights_that_are_not_hdf5_are_refused(data, saved, tmp_path):
    refusal(pack(tmp_path / "model.keras", (saved | {"model.weights.h5": data}).items()))
    half = saved["model.weights.h5"][: len(saved["model.weights.h5"]) // 2]
    refusal(pack(tmp_path / "model.keras", (saved | {"model.weights.h5": half}).items()))
