"""Train the named networks (all, unless named) and store them."""

from __future__ import annotations

import sys

from lstmbook.trained import RECIPES, make, save


def main(chosen: list[str]) -> None:
    """Train and store networks, and say how each ended."""
    for name in chosen or RECIPES:
        trained = make(name)
        path = save(trained)
        print(f"{name}: {trained.ending} after {trained.sequences} sequences, {path.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
