"""A trained network as it is stored, read and written; nothing in the file is pickled."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lstmbook.lstm import Topology, Weights, as_weights

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Trained:
    """A network with the weights that a trial ended with, and what made them.

    Attributes
    ----------
    name
        What `load` knows it by.
    net, weights
        The topology and the final weights.
    task
        The task in words.
    seed
        From it the initial weights and the training sequences were drawn.
    learning_rate
        What the truncated gradient was multiplied with.
    ending
        "success", or "cap" if the criterion was never met.
    sequences
        Sequences until success as the criterion counts them; otherwise all that were presented.
    presented
        How many sequences the weights have been learned from.
    """

    name: str
    net: Topology
    weights: Weights = field(repr=False, compare=False)
    task: str
    seed: int
    learning_rate: float
    ending: str
    sequences: int
    presented: int

    @property
    def success(self) -> bool:
        """Whether the criterion was met."""
        return self.ending == "success"


def names() -> tuple[str, ...]:
    """Return the names of the stored networks."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.npz")))


def load(name: str, folder: Path = FOLDER) -> Trained:
    """Return a stored network.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    known = sorted(path.stem for path in folder.glob("*.npz"))
    if name not in known:
        raise ValueError(f"name is {name!r}; stored are {', '.join(known) or 'none'}")
    with np.load(folder / f"{name}.npz", allow_pickle=False) as file:
        story: dict[str, Any] = json.loads(str(file["story"]))
        weights = file["weights"]
    topology = story.pop("net")
    net = Topology(**{**topology, "blocks": tuple(topology["blocks"])})
    return Trained(name=name, net=net, weights=as_weights(net, weights), **story)


def save(trained: Trained, folder: Path = FOLDER) -> Path:
    """Store a network and return its file; the same network always gives the same bytes."""
    story = {
        each: getattr(trained, each)
        for each in ("task", "seed", "learning_rate", "ending", "sequences", "presented")
    }
    story["net"] = asdict(trained.net)
    path = folder / f"{trained.name}.npz"
    arrays = {"story": np.array(json.dumps(story)), "weights": trained.weights.flat}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            # savez would write the time of day into the file
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as file:
                np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
    return path
