"""Checks of settings: each refusal is one sentence that names the setting, what it got and what it takes."""

from numbers import Real


def check_range(name, value, low, high, whole=False):
    """Raises ValueError unless `value` is a number (a whole one if `whole`) from `low` to `high`."""
    kind = "a whole number" if whole else "a number"
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not low <= value <= high or (whole and value != int(value)):
        raise ValueError(f"{name} takes {kind} from {low:,g} to {high:,g}, not {value!r}.")


def check_choice(name, value, choices):
    """Raises ValueError unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name} takes one of {', '.join(map(str, choices))}, not {value!r}.")
