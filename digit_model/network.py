"""The network: a NetworkConfig becomes a Keras model, which is saved and loaded as one .keras file."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from digit_model import model_file
from digit_model.checks import SettingError, check_choice, check_range

ModelError = model_file.ModelError
SHIPPED = Path(__file__).resolve().parent.parent / "assets" / "accurate.keras"
ACTIVATIONS = ("linear", "relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid")
POOLINGS = ("max", "average", "none")


@dataclass(frozen=True)
class Convolution:
    """One convolution: `filters` kernels of kernel_size x kernel_size pixels, moved `stride` pixels at a time.

    filters: 1 to 512. kernel_size: 1 to 28 pixels. stride: 1 to 4 pixels. Raises SettingError outside these.
    """

    filters: int
    kernel_size: int = 3
    stride: int = 1

    def __post_init__(self):
        check_range("filters", self.filters, 1, 512, whole=True)
        check_range("kernel_size", self.kernel_size, 1, 28, whole=True)
        check_range("stride", self.stride, 1, 4, whole=True)


@dataclass(frozen=True)
class NetworkConfig:
    """A network from 28 x 28 pixels to ten probabilities.

    Convolution blocks come first, each a convolution, batch normalization (if on), the activation, pooling (if any)
    and dropout; then the dense layers, each followed by dropout (with no dense layer, dropout alone); then ten softmax
    units.

    convolutions: up to 12. padding: "valid" or "same". pool_size: 2 to 4 pixels.
    dense_units: up to 4 layers of 1 to 2,048 units. dropout (dense), convolution_dropout: the share dropped, 0 to 0.9.

    Raises:
        SettingError: for a setting out of range, in a sentence that names it.
    """

    convolutions: tuple[Convolution, ...] = ()
    padding: str = "valid"
    batch_normalization: bool = False
    activation: str = "relu"
    pooling: str = "none"
    pool_size: int = 2
    dense_units: tuple[int, ...] = ()
    dense_activation: str = "relu"
    dropout: float = 0.0
    convolution_dropout: float = 0.0

    def __post_init__(self):
        if len(self.convolutions) > 12:
            raise SettingError("convolutions", f"A network takes up to 12 convolutions, not {len(self.convolutions)}.")
        if len(self.dense_units) > 4:
            raise SettingError("dense_units", f"A network takes up to 4 dense layers, not {len(self.dense_units)}.")
        for units in self.dense_units:
            check_range("dense_units", units, 1, 2048, whole=True)
        check_choice("batch_normalization", self.batch_normalization, (True, False))
        check_choice("padding", self.padding, ("valid", "same"))
        check_choice("activation", self.activation, ACTIVATIONS)
        check_choice("dense_activation", self.dense_activation, ACTIVATIONS)
        check_choice("pooling", self.pooling, POOLINGS)
        check_range("pool_size", self.pool_size, 2, 4, whole=True)
        check_range("dropout", self.dropout, 0, 0.9)
        check_range("convolution_dropout", self.convolution_dropout, 0, 0.9)
        self.layers()

    def layers(self):
        """What the network is made of, as a tuple of Layer, its weights counted without building it.

        Raises:
            SettingError: where nothing would be left for a block to work on.
        """
        side, channels, rows = 28, 1, []
        for number, convolution in enumerate(self.convolutions, 1):
            side = self._convolved(side, number, convolution)
            filters, kernel = convolution.filters, convolution.kernel_size
            weights = kernel * kernel * channels * filters + (0 if self.batch_normalization else filters)
            work = side * side * kernel * kernel * channels * filters
            rows.append(Layer(f"Convolution {kernel} x {kernel}", (side, side, filters), weights, work))
            channels = filters
            if self.batch_normalization:
                rows.append(Layer("Batch normalization", (side, side, channels), 4 * channels))
            if self.pooling != "none":
                side = self._pooled(side, number)
                rows.append(Layer(f"{self.pooling.title()} pooling", (side, side, channels), 0))
        units = side * side * channels
        rows.append(Layer("Flatten", (units,), 0))
        for name, wide in [*(("Dense", wide) for wide in self.dense_units), ("Ten probabilities", 10)]:
            rows.append(Layer(name, (wide,), units * wide + wide, units * wide))
            units = wide
        for name, count, most in (
            ("weights", sum(row.weights for row in rows), model_file.MAX_WEIGHTS),
            ("multiplications for one image", sum(row.multiplications for row in rows), model_file.MAX_MULTIPLICATIONS),
        ):
            if count > most:
                raise SettingError(
                    "dense_units" if not self.convolutions else "convolutions",
                    f"This network has {count:,} {name}, and the most is {most:,}. Use fewer filters or units.",
                )
        return tuple(rows)

    def _convolved(self, side, number, convolution):
        kernel = convolution.kernel_size
        if kernel > side:
            raise SettingError(
                f"convolutions.{number - 1}.kernel_size",
                f"Convolution {number}'s kernel takes {kernel} pixels, but only {side} x {side} are left there. "
                "Use a smaller kernel, fewer blocks, or no pooling.",
            )
        if self.padding == "valid":
            side -= kernel - 1
        return -(-side // convolution.stride)

    def _pooled(self, side, number):
        if side < self.pool_size:
            raise SettingError(
                "pool_size",
                f"Pooling {number} takes {self.pool_size} x {self.pool_size} pixels, but only {side} x {side} are left "
                "there. Use fewer blocks, a smaller stride, or no pooling.",
            )
        return side // self.pool_size


class Layer(NamedTuple):
    """One layer: its name, the shape of what comes out of it, its weights, its multiplications for one image."""

    name: str
    shape: tuple[int, ...]
    weights: int
    multiplications: int = 0


PRESETS = {
    "article": NetworkConfig(
        convolutions=(Convolution(28, 3),), activation="linear", pooling="max", dense_units=(128,), dropout=0.2
    ),
    "dense": NetworkConfig(dense_units=(128, 64), dropout=0.2),
    "fast": NetworkConfig(
        convolutions=(Convolution(24, 5, 2), Convolution(32, 3, 2), Convolution(48, 3, 1)), batch_normalization=True
    ),
    "accurate": NetworkConfig(
        convolutions=(
            Convolution(32, 3),
            Convolution(32, 3),
            Convolution(64, 3, 2),
            Convolution(80, 3),
            Convolution(96, 3),
            Convolution(112, 3),
            Convolution(128, 3),
        ),
        batch_normalization=True,
        convolution_dropout=0.15,
        dropout=0.4,
    ),
}


def build(config):
    """An untrained Keras model: uint8 or float (n, 28, 28), 0 to 255, to float32 (n, 10), each row adding up to 1."""
    from keras import Sequential, layers

    model = Sequential([layers.Input((28, 28)), layers.Reshape((28, 28, 1)), layers.Rescaling(1 / 255)])
    for convolution in config.convolutions:
        for layer in _block(config, convolution):
            model.add(layer)
    model.add(layers.Flatten())
    for units in config.dense_units:
        model.add(layers.Dense(units, config.dense_activation))
        model.add(layers.Dropout(config.dropout))
    if not config.dense_units:
        model.add(layers.Dropout(config.dropout))
    model.add(layers.Dense(10, "softmax"))
    return model


def _block(config, convolution):
    """The layers of one convolution block."""
    from keras import layers

    normalized = config.batch_normalization
    yield layers.Conv2D(
        convolution.filters,
        convolution.kernel_size,
        convolution.stride,
        config.padding,
        use_bias=not normalized,
        kernel_initializer="he_normal" if config.activation == "relu" else "glorot_uniform",
    )
    if normalized:
        yield layers.BatchNormalization()
    if config.activation != "linear":
        yield layers.Activation(config.activation)
    if config.pooling != "none":
        pool = layers.MaxPooling2D if config.pooling == "max" else layers.AveragePooling2D
        yield pool(config.pool_size)
    if config.convolution_dropout:
        yield layers.Dropout(config.convolution_dropout)


def check_path(path):
    """Raises ValueError or FileNotFoundError where no model can be saved at `path`: ask before training one."""
    path = Path(path)
    if path.suffix != ".keras":
        raise ValueError(f"A model is saved as a .keras file, not as {path.name!r}.")
    if not path.resolve().parent.is_dir():
        raise FileNotFoundError(f"There is no folder {str(path.parent)!r} to save {path.name!r} in.")


def save(model, path):
    """Writes the model to `path`, which ends in .keras.

    Raises:
        ValueError, FileNotFoundError: see check_path.
        OSError: where the file can't be written.
    """
    check_path(path)
    model.save(path)


def load(path):
    """The model in the .keras file `path`, for prediction. Whoever wrote the file: see model_file for what it may hold.

    Raises:
        FileNotFoundError: where there is no such file.
        ModelError: for a file that is not a network from 28 x 28 pixels to ten probabilities, or may carry code.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no model file {path.name!r}.")
    return model_file.read(path)
