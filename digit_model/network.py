"""The network: a NetworkConfig becomes a Keras model, which is saved and loaded as one .keras file."""

from dataclasses import dataclass
from pathlib import Path

from digit_model.checks import check_choice, check_range

SHIPPED = Path(__file__).resolve().parent.parent / "assets" / "accurate.keras"
ACTIVATIONS = ("linear", "relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid")
POOLINGS = ("max", "average", "none")


@dataclass(frozen=True)
class Convolution:
    """One convolution: `filters` kernels of kernel_size x kernel_size pixels, moved `stride` pixels at a time."""

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

    Convolution blocks come first, each a convolution, batch normalization (if on), the activation and
    pooling (if any); then the dense layers, each followed by dropout; then ten softmax units.

    Raises:
        ValueError: for a setting out of range, in a sentence that names it.
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

    def __post_init__(self):
        check_range("the number of convolutions", len(self.convolutions), 0, 12, whole=True)
        check_range("the number of dense layers", len(self.dense_units), 0, 4, whole=True)
        for units in self.dense_units:
            check_range("dense_units", units, 1, 2048, whole=True)
        check_choice("padding", self.padding, ("valid", "same"))
        check_choice("activation", self.activation, ACTIVATIONS)
        check_choice("dense_activation", self.dense_activation, ACTIVATIONS)
        check_choice("pooling", self.pooling, POOLINGS)
        check_range("pool_size", self.pool_size, 2, 4, whole=True)
        check_range("dropout", self.dropout, 0, 0.9)
        self._check_sizes()

    def _check_sizes(self):
        """Follows the image's side through the blocks, and refuses the one that nothing would come out of."""
        side = 28
        for number, convolution in enumerate(self.convolutions, 1):
            if convolution.kernel_size > side:
                raise ValueError(
                    f"Convolution {number}'s kernel takes {convolution.kernel_size} pixels, but only {side} x {side} "
                    "are left there. Use a smaller kernel, fewer blocks, or no pooling."
                )
            if self.padding == "valid":
                side -= convolution.kernel_size - 1
            side = -(-side // convolution.stride)
            if self.pooling != "none":
                if side < self.pool_size:
                    raise ValueError(
                        f"Pooling {number} takes {self.pool_size} x {self.pool_size} pixels, but only {side} x {side} "
                        "are left there. Use fewer blocks, a smaller stride, or no pooling."
                    )
                side //= self.pool_size


PRESETS = {
    "article": NetworkConfig(
        convolutions=(Convolution(28, 3),), activation="linear", pooling="max", dense_units=(128,), dropout=0.2
    ),
    "dense": NetworkConfig(dense_units=(128, 64), dropout=0.2),
    "fast": NetworkConfig(
        convolutions=(Convolution(16, 5, 2), Convolution(24, 3, 2), Convolution(32, 3, 1)), batch_normalization=True
    ),
    "accurate": NetworkConfig(
        convolutions=(
            Convolution(24, 3),
            Convolution(48, 3, 2),
            Convolution(64, 3),
            Convolution(96, 3, 2),
            Convolution(128, 3),
        ),
        batch_normalization=True,
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
    """The model in the .keras file `path`, for prediction; its code is never run (Keras's safe mode).

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: for a file that is not a network from 28 x 28 pixels to ten probabilities.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no model file {path.name!r}.")
    import keras

    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever its zip, JSON, HDF5 and layer readers raise
        raise ValueError(f"{path.name!r} is not a model that Keras can load. Save one with network.save().") from error
    if model.input_shape != (None, 28, 28) or model.output_shape != (None, 10):
        raise ValueError(
            f"{path.name!r} turns {model.input_shape} into {model.output_shape}; a digit model turns "
            "(None, 28, 28) into (None, 10)."
        )
    return model
