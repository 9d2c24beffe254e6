"""A chunker in JAX: what is passed on, who learns from what; all in one program for many pairs."""

from dataclasses import dataclass, replace
from functools import cached_property, partial

import jax
import jax.numpy as jnp
import numpy as np

from .jax_nets import BATCH, Net, Nets, stacked


@dataclass(frozen=True)
class Pairs:
    """Pairs of nets up to some size, and sequences of so many steps together."""

    symbols: int
    layers: int
    units: int
    steps: int
    slots: int

    @cached_property
    def a(self):
        """The automatizers: they predict a symbol, and what may be imitated of the other net."""
        n = 2 * self.symbols + self.layers * self.units
        return Nets(self.symbols, self.layers, self.units, n, self.steps)

    @cached_property
    def c(self):
        """The chunkers."""
        return Nets(self.symbols, self.layers, self.units, self.symbols, self.steps)

    def nets_of(self, recipe, n):
        """Return a pair's two nets for so many symbols."""
        extra = sum(recipe.layers) + (n if recipe.imitated == "hidden and outputs" else 0)
        return Net(recipe, n, n + extra), Net(recipe, n, n)

    def imitated(self, net):
        """Where, of a symbol, C's units and C's outputs, stands what each output of A is to be."""
        units = [
            self.symbols + layer * self.units + i
            for layer, size in enumerate(net.sizes)
            for i in range(size)
        ]
        wanted = [*range(net.n_inputs), *units]
        first = self.symbols + self.layers * self.units
        wanted += [first + k for k in range(net.n_outputs - len(wanted))]
        found = np.zeros(self.a.outputs, int)
        found[: len(wanted)] = wanted
        return found

    def about(self, recipe, n, sequences):
        """Return a pair's settings and sequences as numbers."""
        net_a, net_c = self.nets_of(recipe, n)
        steps = self.c.about_steps(
            [replace(each, mask=np.ones(len(each), bool)) for each in sequences]
        )
        counts = self.c.about_steps(sequences)["counts"].any(axis=1)
        ends = np.zeros(self.steps, bool)
        ends[np.cumsum([len(each) for each in sequences]) - 1] = True
        return {
            "a": self.a.about_net(net_a, recipe.depth) | {"exists": self.a.padded(net_a, 1.0)},
            "c": self.c.about_net(net_c, recipe.depth) | {"exists": self.c.padded(net_c, 1.0)},
            "x": steps["x"],
            "next": steps["target"],
            "counts": counts,
            "begins": steps["begins"],
            "ends": ends,
            "exists": np.arange(self.steps) < sum(map(len, sequences)),
            "symbols": np.arange(self.symbols) < n,
            "outputs": np.arange(self.a.outputs) < net_a.n_outputs,
            "imitated": self.imitated(net_a),
            "threshold": np.array(recipe.threshold),
            "rate": np.array(recipe.learning_rate),
            "reset": np.array(recipe.reset),
        }

    def learn(self, nets, w, state, target, counts, about, rate):
        """Return the weights after an error at the newest step has gone back."""
        slope = jax.grad(nets.newest_error)(w, state, target, counts, about)
        return w - rate * slope * about["exists"]

    def pass_on(self, about, w, state, x, if_):
        """Train C to have predicted an input, then let it see it."""
        c, rate = about["c"], about["rate"]
        learned = self.learn(self.c, w, state, x, about["symbols"], c, rate)
        learned = jnp.where(state["n"] > 0, learned, w)
        new = learned, self.c.take(learned, state, x, c)
        return choose_tree(if_, new, (w, state))

    def present(self, w_a, w_c, about):
        """Return both nets' weights after each step, the predictions, and what was passed on."""
        a = about["a"]

        def surprised(x, y_k):
            off = jnp.where(about["symbols"], jnp.abs(x - y_k), 0.0).max()
            return off >= about["threshold"]

        def take(carry, now):
            w_a, w_c, A, C, y_k = carry
            x, following, counts, begins, ends, exists = now
            forgets = begins & about["reset"]
            A, C = (
                state
                | {"y": jnp.where(forgets, 0.0, state["y"]), "n": jnp.where(forgets, 0, state["n"])}
                for state in (A, C)
            )
            first = exists & (begins | surprised(x, y_k))
            w_c, C = self.pass_on(about, w_c, C, x, first)
            A = self.a.take(w_a, A, x, a)
            everything = self.a.answer(w_a, A["y"], x, a)
            y_k = everything[: self.symbols]
            y_c = self.c.answer(w_c, C["y"], C["x"][-1], about["c"])
            sources = jnp.concatenate([following, C["y"].ravel(), y_c])
            target = sources[about["imitated"]]
            # what it is to imitate it learns at all steps, whatever counts
            learns = about["outputs"] & exists & (counts | (about["imitated"] >= self.symbols))
            w_a = self.learn(self.a, w_a, A, target, learns, a, about["rate"])
            last = exists & ends & surprised(following, y_k)
            w_c, C = self.pass_on(about, w_c, C, following, last)
            return (w_a, w_c, A, C, y_k), (w_a, w_c, y_k, 0 + first + last)

        steps = tuple(about[name] for name in ("x", "next", "counts", "begins", "ends", "exists"))
        states = self.a.fresh(self.slots), self.c.fresh(self.slots)
        begin = (w_a, w_c, *states, jnp.zeros(self.symbols))
        return jax.lax.scan(take, begin, steps)[1]

    @cached_property
    def compiled(self):
        """Return the same for many pairs at once."""
        return jax.jit(jax.vmap(self.present))

    def learned(self, problems):
        """Return final weights, predictions and how much was passed on.

        Problems are (recipe, number of symbols, weights of both nets, sequences).
        """
        asked, problems = len(problems), problems + problems[:1] * (-len(problems) % BATCH)
        nets = [self.nets_of(recipe, n) for recipe, n, _, _ in problems]
        cuts = [len(self.a.places(a)) for a, _ in nets]
        weights = [each[2] for each in problems]
        w_a = [self.a.padded(a, w[:n]) for (a, _), w, n in zip(nets, weights, cuts, strict=True)]
        w_c = [self.c.padded(c, w[n:]) for (_, c), w, n in zip(nets, weights, cuts, strict=True)]
        about = [self.about(recipe, n, each) for recipe, n, _, each in problems]
        for which in ("a", "c"):
            for name in about[0][which]:
                for each in about:
                    each[f"{which} {name}"] = each[which][name]
        flat = [{k: v for k, v in each.items() if k not in ("a", "c")} for each in about]
        parts = stacked(flat)
        whole = {name: v for name, v in parts.items() if name[1:2] != " "}
        for which in ("a", "c"):
            whole[which] = {n[2:]: v for n, v in parts.items() if n[:2] == f"{which} "}
        with jax.enable_x64(True):
            out = self.compiled(np.stack(w_a), np.stack(w_c), whole)
            w_a, w_c, y_k, passed = map(np.asarray, out)
        found = []
        for i, (_, n, _, sequences) in enumerate(problems[:asked]):
            T = sum(map(len, sequences))
            a, c = nets[i]
            both = w_a[i, T - 1][self.a.places(a)], w_c[i, T - 1][self.c.places(c)]
            found.append((np.concatenate(both), y_k[i, :T, :n], passed[i, :T].sum()))
        return found


def choose_tree(condition, yes, no):
    """Return one of two trees of arrays."""
    return jax.tree.map(partial(jnp.where, condition), yes, no)
