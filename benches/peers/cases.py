"""What is measured, of whom, and what the result is worth: the work, the peers, the final losses."""

import functools
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse


@dataclass(frozen=True)
class Peer:
    """A program that answers cases, in Python or Rust, and the ways of doing a work that it has."""

    name: str
    program: str
    variants: dict = field(default_factory=dict)

    def ways(self, work):
        return self.variants.get(work, [""])


OURS = Peer("downhill", "rust/downhill", {"tiny": ["own loop", "trainer"]})
PEERS = [
    Peer(
        "PyTorch",
        "python/pytorch.py",
        {
            "step": ["fused", "for each"],
            "logistic": ["by hand", "autograd"],
            "network": ["fused", "for each"],
        },
    ),
    Peer("JAX + Optax", "python/jax_optax.py"),
    Peer("scikit-learn", "python/scikit_learn.py"),
    Peer("candle", "rust/candle"),
    Peer("burn", "rust/burn"),
    Peer("argmin", "rust/argmin"),
    Peer("Vowpal Wabbit", "python/vowpal_wabbit.py"),
    Peer("LIBLINEAR", "python/liblinear_solvers.py", {"sparse": ["primal", "dual"]}),
]


@dataclass(frozen=True)
class Case:
    """A work with its settings. `tolerance` is how far a peer's final loss may lie from ours, relatively; for a step, its
    weights from ours, as a share of the way they went."""

    name: str
    settings: dict
    threads: int = 1
    tolerance: float = 1e-4
    only: tuple = ()
    # The peer whose final loss is our goal; then we may end below it, but not above.
    goal: str = ""

    def asks(self, peer):
        if self.only:
            return peer.name in self.only or peer is OURS
        return not (peer.name == "LIBLINEAR" and self.settings["work"] == "sparse")

    @property
    def unit(self):
        """In what the time is told, and how many of those there are in one second of the whole."""
        match self.settings["work"]:
            case "step":
                return "µs a step", 1e6 / self.settings["steps"]
            case "tiny":
                return "ns a step", 1e9 / self.settings["steps"]
            case _:
                return "ms", 1e3


def cases(quick=False):
    """All of them. Quick ones are for the harness itself: too short to say how fast anybody is."""
    shrink = 20 if quick else 1
    found = []

    def add(name, threads=(1,), tolerance=1e-4, only=(), goal="", **settings):
        for count in threads:
            suffix = f", {count} threads" if count > 1 else ""
            found.append(Case(name + suffix, settings, count, tolerance, only, goal))

    for weights, steps in [(1_000, 5_000), (100_000, 500), (10_000_000 // shrink, 10)]:
        for rule in ["sgd", "momentum", "adagrad", "rmsprop", "adam"]:
            threads = (1, 2) if weights > 100_000 else (1,)
            add(f"{rule}, {weights:,} weights", threads, 1e-2, work="step", rule=rule, dtype="f32",
                weights=weights, steps=steps, rate=1e-3)

    for batch, dtype, rule, rate in [
        (1, "f32", "sgd", 0.01), (1, "f64", "sgd", 0.01), (32, "f32", "sgd", 0.1), (32, "f64", "sgd", 0.1),
        (256, "f32", "sgd", 0.5), (32, "f32", "adam", 1e-3), (0, "f32", "sgd", 1.0), (0, "f64", "sgd", 1.0),
    ]:
        many = f"batch {batch}" if batch else "all rows, 20 epochs"
        add(f"logistic {dtype}, {rule}, {many}", (1,) if batch else (1, 2), work="logistic", rule=rule, dtype=dtype,
            batch=batch, rate=rate, epochs=1 if batch else 20)

    # Sums in another order send a network another way: its loss after an epoch agrees to two or three digits.
    for batch in [64, 512]:
        add(f"network, adam, batch {batch}", (1, 2), 2e-2, work="network", rule="adam", dtype="f32", batch=batch,
            rate=1e-3, epochs=1)

    sparse = {"work": "sparse", "dtype": "f32", "epochs": 1}
    add("sparse, sgd, batch 1", tolerance=1e-3, rule="sgd", batch=1, rate=2.0, **sparse)
    add("sparse, adagrad, batch 1", tolerance=2e-2, rule="adagrad", batch=1, rate=0.5, **sparse)
    for rule, rate in [("sgd", 2.0), ("adagrad", 0.5), ("adam", 1e-2)]:
        add(f"sparse, {rule}, batch 32", tolerance=1e-3, rule=rule, batch=32, rate=rate, **sparse)

    # Same training loss, whoever gets there and however.
    add("sparse, to LIBLINEAR's loss", only=("LIBLINEAR",), goal="LIBLINEAR", work="sparse", dtype="f32", rule="adagrad",
        batch=1, rate=0.5, epochs=100)

    # Adam on its way along the valley magnifies what was rounded otherwise.
    for rule, name, tolerance in [("sgd", "gradient descent", 1e-12), ("adam", "adam", 1e-6)]:
        add(f"Rosenbrock, {name}", tolerance=tolerance, only=("JAX + Optax", "argmin"), work="tiny", rule=rule, dtype="f64",
            rate=1e-3, steps=1_000_000 // shrink)
        add(f"Rosenbrock, {name}, 20,000 steps", tolerance=tolerance, only=("PyTorch",), work="tiny", rule=rule, dtype="f64",
            rate=1e-3, steps=20_000 // shrink)
    return found


# What the parameters at the end are worth, in double precision, by NumPy, whoever found them.


@functools.cache
def array(folder, name):
    return np.load(f"{folder}/{name}.npy").astype(np.float64)


def cross_entropy(logits, labels):
    return np.mean(np.logaddexp(0.0, logits) - labels * logits)


@functools.cache
def sparse_inputs(folder):
    values, indices, starts = (np.load(f"{folder}/sparse_{name}.npy") for name in ("values", "indices", "starts"))
    return scipy.sparse.csr_matrix((values.astype(np.float64), indices, starts), shape=(len(starts) - 1, 1 << 20))


def final_loss(case, folder, params):
    """The loss over all data, or the value of the function; not for a step, which has none."""
    match case.settings["work"]:
        case "logistic":
            return cross_entropy(array(folder, "logistic_inputs") @ params, array(folder, "logistic_labels"))
        case "sparse":
            return cross_entropy(sparse_inputs(folder) @ params, array(folder, "sparse_labels"))
        case "network":
            w1, b1, w2, b2 = np.split(params, np.cumsum([784 * 128, 128, 128 * 10]))
            hidden = np.maximum(array(folder, "network_inputs") @ w1.reshape(784, 128) + b1, 0.0)
            logits = hidden @ w2.reshape(128, 10) + b2
            labels = array(folder, "network_labels").astype(int)
            top = logits.max(axis=1, keepdims=True)
            likelihood = top[:, 0] + np.log(np.exp(logits - top).sum(axis=1))
            return np.mean(likelihood - logits[np.arange(len(labels)), labels])
        case "tiny":
            return rosenbrock(params)


def rosenbrock(point):
    x, y = point
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2


def deviation(case, folder, ours, theirs):
    """How far a peer's result lies from ours."""
    if case.settings["work"] == "step":
        start = array(folder, "weights")[: case.settings["weights"]]
        return np.linalg.norm(theirs - ours) / np.linalg.norm(ours - start)
    own, other = final_loss(case, folder, ours), final_loss(case, folder, theirs)
    if case.settings["work"] == "tiny":
        # Both are near zero: what counts is the share of the way down.
        return abs(other - own) / rosenbrock([-1.2, 1.0])
    if case.goal:
        return max(0.0, own - other) / other
    return abs(other - own) / abs(own)
