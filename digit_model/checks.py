"""Checks of settings: each refusal is one sentence that names the setting, what it got and what it takes."""

from numbers import Integral, Real


class SettingError(ValueError):
    """A setting that can't be; `setting` is its name."""

    def __init__(self, setting, message):
        super().__init__(message)
        self.setting = setting


def check_range(name, value, low, high, whole=False):
    """Raises SettingError unless `value` is a number (a whole one if `whole`) from `low` to `high`."""
    kind = "a whole number" if whole else "a number"
    number = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    if not number or not low <= value <= high:
        limits = f"from {_plain(low)} to {_plain(high)}"
        raise SettingError(name, f"{_spaced(name)} takes {kind} {limits}{_but_not(value)}.")


def check_choice(name, value, choices):
    """Raises SettingError unless `value` is one of `choices`."""
    if value not in choices:
        raise SettingError(name, f"{_spaced(name)} takes one of {', '.join(map(str, choices))}, not {_short(value)}.")


def _plain(number):
    return f"{number:,.7f}".rstrip("0").rstrip(".")


def _spaced(name):
    return name.replace("_", " ").capitalize()


def _but_not(value):
    return "" if value == "" else f", not {_short(value)}"  # an emptied field is on its way to another number


def _short(value):
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
