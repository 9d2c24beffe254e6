"""`explorable`: a function of a few settings turned into a picture with knobs."""

from __future__ import annotations

import inspect
import itertools
import math
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from lstmbook.explore.controls import Choice, Control, Slider, Value
from lstmbook.explore.display import PICTURE_MIME, Bundle
from lstmbook.explore.domains import Domains, domains
from lstmbook.explore.pictures import Picture, Plot, Row
from lstmbook.explore.wire import Tree, describe

if TYPE_CHECKING:
    from lstmbook.explore.widget import ExplorableWidget

MAX_POINTS: Final = 5000
MAX_PACKED: Final = 400_000  # characters of base64
MAX_CONTROLS: Final = 3


class Explorable:
    """A picture with knobs; made by `explorable`.

    As the last expression of a cell it shows the widget. Called with settings it returns the
    picture at that setting: ``flow(lag=3)``; what is not given stands at its first value.
    """

    def __init__(
        self, function: Callable[..., Picture], title: str, controls: dict[str, Control]
    ) -> None:
        self.function = function
        self.title = title
        self.controls = controls
        self.name: str = getattr(function, "__name__", "explorable")
        self.__name__ = self.name
        self.__doc__ = function.__doc__
        self.__wrapped__ = function
        paragraphs = inspect.cleandoc(function.__doc__ or "").split("\n\n")
        self.caption = " ".join(paragraphs[0].split())

    @property
    def start(self) -> dict[str, Value]:
        """Return the stated setting: where every knob stands at first."""
        return {
            name: control.at(control.value) if isinstance(control, Slider) else control.value
            for name, control in self.controls.items()
        }

    def __call__(self, **settings: Any) -> Picture:
        """Return the picture at a setting; knobs that are not named stand at their start.

        Raises
        ------
        TypeError
            If a setting is of no knob.
        ValueError
            If a setting is outside its knob's range.
        """
        for name in settings:
            if name not in self.controls:
                raise TypeError(
                    f"{self.name} has no setting {name!r}; it has {', '.join(self.controls)}"
                )
        full = {
            name: control.check(name, settings.get(name, self.start[name]))
            for name, control in self.controls.items()
        }
        picture = self.function(**full)
        if not isinstance(picture, (Plot, Row)):
            raise TypeError(
                f"{self.name} returned {type(picture).__name__}; it must return a Plot or a Row"
            )
        return picture

    def describe_setting(self, setting: dict[str, Value]) -> str:
        """Return a setting in words: ``lag q (steps) = 10, self-weight w = 2.0``."""
        return ", ".join(
            f"{control.label or name} = {control.show(setting[name])}"
            for name, control in self.controls.items()
        )

    def tree(self, setting: dict[str, Value]) -> Tree:
        """Return the described picture at a setting; errors carry the setting as a note."""
        try:
            return describe(self(**setting))
        except Exception as problem:
            given = ", ".join(f"{name}={value!r}" for name, value in setting.items())
            problem.add_note(f"explorable {self.name} failed at {given}")
            raise

    @cached_property
    def shape(self) -> list[int]:
        """The number of baked settings of each knob."""
        return [len(control.grid()) for control in self.controls.values()]

    @cached_property
    def baked(self) -> tuple[str, Domains, Tree]:
        """The packed answers to every setting, the ends of the axes, the tree at the start.

        Raises
        ------
        ValueError
            If the grid has too many points or the answers are too large for a page.
        """
        from lstmbook.explore.packing import pack

        n_points = math.prod(self.shape)
        if n_points > MAX_POINTS:
            raise ValueError(
                f"{self.name} has {' x '.join(map(str, self.shape))} = {n_points} settings; at "
                f"most {MAX_POINTS} can be baked: take larger steps (and set `fine` for readers "
                "with a kernel)"
            )
        grids = [control.grid() for control in self.controls.values()]
        began = time.perf_counter()
        trees = [
            self.tree(dict(zip(self.controls, point, strict=True)))
            for point in itertools.product(*grids)
        ]
        self.seconds_to_evaluate = time.perf_counter() - began
        ends = domains(trees)
        packed = pack(trees, self.shape, ends)
        if len(packed) > MAX_PACKED:
            raise ValueError(
                f"{self.name} packs into {len(packed)} characters for {n_points} settings; at "
                f"most {MAX_PACKED} are allowed: draw fewer points or take larger steps"
            )
        at = 0
        for control, value, size in zip(
            self.controls.values(), self.start.values(), self.shape, strict=True
        ):
            at = at * size + control.nearest(value)
        return packed, ends, trees[at]

    @cached_property
    def widget(self) -> ExplorableWidget:
        """The widget that shows this explorable; one, however often it is displayed."""
        from lstmbook.explore.widget import ExplorableWidget

        return ExplorableWidget(self)

    def _repr_mimebundle_(self, **_: Any) -> Bundle:
        """Return what a notebook shows: widget, PNG, text, and the SVG for pages."""
        from lstmbook.explore import static
        from lstmbook.explore.display import WIDGET_MIME

        ends, tree = self.baked[1:]
        setting = self.describe_setting(self.start)
        caption = f"{self.title}. {self.caption} Shown at {setting}."
        data, width, height = static.png(tree, ends, caption)
        model_id = self.widget.model_id
        return (
            {
                WIDGET_MIME: {
                    "version_major": 2,
                    "version_minor": 0,
                    "model_id": model_id,
                },
                "image/png": data,
                "text/plain": f"{self.title} ({setting})\n{tree['says']}",
                PICTURE_MIME: {
                    "svg": static.svg(tree, ends),
                    "alt": tree["says"],
                    "model_id": model_id,
                    "name": self.name,
                    "title": self.title,
                    "caption": self.caption,
                    "setting": setting,
                },
            },
            {"image/png": {"width": width, "height": height, "alt": tree["says"]}},
        )


def explorable(
    *, title: str = "", **controls: Control
) -> Callable[[Callable[..., Picture]], Explorable]:
    """Turn a function of settings into an `Explorable`.

    Parameters
    ----------
    title
        Stands above the picture; the function's name in words by default.
    **controls
        One to three `Slider` or `Choice`, by the name of the function's parameter.

    Raises
    ------
    TypeError
        If a control is neither Slider nor Choice, or the function's parameters differ.
    ValueError
        If there are no controls or more than three.
    """
    if not 1 <= len(controls) <= MAX_CONTROLS:
        raise ValueError(f"an explorable has 1 to {MAX_CONTROLS} controls, not {len(controls)}")
    for name, control in controls.items():
        if not isinstance(control, (Slider, Choice)):
            raise TypeError(f"{name} must be a Slider or a Choice, not {control!r}")

    def decorate(function: Callable[..., Picture]) -> Explorable:
        parameters = set(inspect.signature(function).parameters)
        if parameters != set(controls):
            raise TypeError(
                f"{function.__name__} takes {', '.join(sorted(parameters))}; "
                f"its controls are {', '.join(sorted(controls))}"
            )
        words = function.__name__.replace("_", " ")
        return Explorable(function, title or words[:1].upper() + words[1:], controls)

    return decorate
