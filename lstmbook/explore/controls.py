"""Knobs of an explorable: `Slider` and `Choice`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Value = float | int | str


def _is_whole(*numbers: float) -> bool:
    return all(float(number).is_integer() for number in numbers)


@dataclass(frozen=True, init=False)
class Slider:
    """A number from `low` to `high`.

    Attributes
    ----------
    low, high
        The ends, both included; `high - low` must be a whole number of steps.
    step
        Distance of the settings whose answers are baked into the page.
    fine
        Distance of the settings a reader with a running kernel can reach; `step` by default.
        A step must be a whole number of fine steps.
    value
        Where it stands at first, on the baked grid; `low` by default.
    label
        What the knob sets, with its unit; plain text. The parameter's name by default.
    """

    low: float
    high: float
    step: float
    fine: float
    value: float
    label: str
    integer: bool = field(repr=False)

    def __init__(
        self,
        low: float,
        high: float,
        *,
        step: float = 1,
        value: float | None = None,
        fine: float | None = None,
        label: str = "",
    ) -> None:
        fine = step if fine is None else fine
        value = low if value is None else value
        for name, number in (("low", low), ("high", high), ("value", value)):
            if not math.isfinite(number):
                raise ValueError(f"{name} is {number}; it must be a finite number")
        if not high > low:
            raise ValueError(f"high is {high}; it must be above low, which is {low}")
        for name, size in (("step", step), ("fine", fine)):
            if not (math.isfinite(size) and size > 0):
                raise ValueError(f"{name} is {size}; it must be a positive number")
        for name, ratio in (
            ("high - low must be a whole number of steps", (high - low) / step),
            ("step must be a whole number of fine steps", step / fine),
            ("value must stand on the grid of steps from low", (value - low) / step),
        ):
            if abs(ratio - round(ratio)) > 1e-6:
                raise ValueError(
                    f"{name}: low={low}, high={high}, step={step}, fine={fine}, value={value}"
                )
        if not low <= value <= high:
            raise ValueError(f"value is {value}; it must be from {low} to {high}")
        integer = _is_whole(low, high, step, fine, value) and not any(
            isinstance(number, float) for number in (low, high, step, fine)
        )
        for name, content in (
            ("low", low),
            ("high", high),
            ("step", step),
            ("fine", fine),
            ("value", value),
            ("label", label),
            ("integer", integer),
        ):
            object.__setattr__(self, name, content)

    @property
    def decimals(self) -> int:
        """Digits after the point that a fine setting needs."""
        return max(_decimals(self.fine), _decimals(self.low))

    def grid(self) -> list[Value]:
        """Return the baked settings, from low to high."""
        n_steps = round((self.high - self.low) / self.step)
        return [self.at(self.low + i * self.step) for i in range(n_steps + 1)]

    def at(self, number: float) -> Value:
        """Return `number` free of rounding noise, as int where the slider is one of integers."""
        return round(number) if self.integer else round(float(number), 10)

    def check(self, name: str, value: Any) -> Value:
        """Return `value` as a setting of this slider, or raise a ValueError that names it."""
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"{name} must be a number, not {value!r}")
        if not self.low - 1e-9 <= value <= self.high + 1e-9:
            raise ValueError(f"{name} is {value}; it must be from {self.low} to {self.high}")
        if self.integer and not float(value).is_integer():
            raise ValueError(f"{name} is {value}; it must be a whole number")
        return self.at(value)

    def show(self, value: Value) -> str:
        """Return the setting as text."""
        return str(value) if self.integer else f"{float(value):.{self.decimals}f}"

    def nearest(self, value: Value) -> int:
        """Return the index of the baked setting nearest to `value`."""
        return round((float(value) - self.low) / self.step)

    def wire(self, name: str) -> dict[str, Any]:
        """Return what the script needs to know."""
        return {
            "name": name,
            "kind": "slider",
            "label": self.label or name,
            "low": self.low,
            "high": self.high,
            "step": self.step,
            "fine": self.fine,
            "value": self.value,
            "decimals": 0 if self.integer else self.decimals,
            "integer": self.integer,
        }


@dataclass(frozen=True, init=False)
class Choice:
    """One of a few named options; the first is the default unless `value` says otherwise."""

    options: tuple[str, ...]
    value: str
    label: str

    def __init__(self, *options: str, value: str | None = None, label: str = "") -> None:
        if len(options) < 2 or len(set(options)) != len(options):
            raise ValueError(f"options are {options}; give two or more that differ")
        for option in options:
            if not isinstance(option, str):
                raise TypeError(f"an option must be a text, not {option!r}")
        if value is not None and value not in options:
            raise ValueError(f"value is {value!r}; it must be one of {options}")
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "value", options[0] if value is None else value)
        object.__setattr__(self, "label", label)

    def grid(self) -> list[Value]:
        """Return the baked settings: every option."""
        return list(self.options)

    def check(self, name: str, value: Any) -> Value:
        """Return `value` if it is one of the options, or raise a ValueError that names it."""
        if value not in self.options:
            raise ValueError(f"{name} is {value!r}; it must be one of {self.options}")
        return str(value)

    def show(self, value: Value) -> str:
        """Return the setting as text."""
        return str(value)

    def nearest(self, value: Value) -> int:
        """Return the index of the option."""
        return self.options.index(str(value))

    def wire(self, name: str) -> dict[str, Any]:
        """Return what the script needs to know."""
        return {
            "name": name,
            "kind": "choice",
            "label": self.label or name,
            "options": list(self.options),
            "value": self.value,
        }


Control = Slider | Choice


def _decimals(number: float) -> int:
    """Return how many digits after the point `number` needs (at most 6)."""
    for digits in range(7):
        if abs(number - round(number, digits)) < 1e-9:
            return digits
    return 6
