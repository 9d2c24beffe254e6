"""Networks with any of the open choices."""

from lstmbook.lstm import Topology


def random_topology(rng, n_inputs, n_outputs):
    yes = lambda: bool(rng.integers(2))  # noqa: E731
    input_gates, output_gates = bool(rng.integers(4)), bool(rng.integers(4))
    return Topology(
        n_inputs,
        n_outputs,
        tuple(int(n) for n in rng.integers(1, 4, size=rng.integers(1, 4))),
        input_gates=input_gates,
        output_gates=output_gates,
        recurrent=str(rng.choice(["none", "cells", "cells and gates"])),
        shortcuts=yes(),
        cell_biases=yes(),
        input_gate_biases=input_gates and yes(),
        output_gate_biases=output_gates and yes(),
        output_biases=yes(),
        g=str(rng.choice(["g", "logistic", "tanh", "identity", "h"])),
        h=str(rng.choice(["h", "identity", "tanh", "logistic"])),
        f_k=str(rng.choice(["logistic", "logistic", "identity", "tanh"])),
        competition="winner takes all" if output_gates and yes() else "none",
    )
