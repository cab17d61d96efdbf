"""Checks of settings: each refusal is one sentence that names the setting, what it got and what it takes."""

from numbers import Real


class SettingError(ValueError):
    """A setting that can't be; `setting` is its name."""

    def __init__(self, setting, message):
        super().__init__(message)
        self.setting = setting


def check_range(name, value, low, high, whole=False):
    """Raises SettingError unless `value` is a number (a whole one if `whole`) from `low` to `high`."""
    kind = "a whole number" if whole else "a number"
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not low <= value <= high or (whole and value != int(value)):
        limits = f"from {_plain(low)} to {_plain(high)}"
        raise SettingError(name, f"{_spaced(name)} takes {kind} {limits}, not {value!r}.")


def check_choice(name, value, choices):
    """Raises SettingError unless `value` is one of `choices`."""
    if value not in choices:
        raise SettingError(name, f"{_spaced(name)} takes one of {', '.join(map(str, choices))}, not {value!r}.")


def _plain(number):
    return f"{number:,.7f}".rstrip("0").rstrip(".")


def _spaced(name):
    return name.replace("_", " ")
