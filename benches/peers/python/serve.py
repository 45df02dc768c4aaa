"""What the Python peers share: the protocol, and the data that all peers read.

A peer reads one case a line from standard input, as JSON, and answers with one line: the seconds it took, or that it has
no such thing. The parameters at the end go to a file, so that one program can compute the final loss of all peers alike.
"""

import functools
import json
import sys
import time
from types import SimpleNamespace

import numpy as np


@functools.cache
def load(folder, name):
    return np.load(f"{folder}/{name}.npy")


@functools.cache
def dense(folder, dtype):
    """Inputs and labels of the logistic regression."""
    dtype = {"f32": np.float32, "f64": np.float64}[dtype]
    return load(folder, "logistic_inputs").astype(dtype), load(folder, "logistic_labels").astype(dtype)


@functools.cache
def csr(folder, dtype):
    """Inputs and labels of the sparse logistic regression."""
    import scipy.sparse

    names = ("sparse_values", "sparse_indices", "sparse_starts")
    values, indices, starts = (load(folder, name) for name in names)
    dtype = {"f32": np.float32, "f64": np.float64}[dtype]
    shape = (len(starts) - 1, 1 << 20)
    matrix = scipy.sparse.csr_matrix((values.astype(dtype), indices, starts), shape=shape)
    return matrix, load(folder, "sparse_labels").astype(dtype)


def network_start(folder):
    """Weights and biases from which the networks start, layer by layer."""
    flat, parts = load(folder, "network_start"), []
    for shape in [(784, 128), (128,), (128, 10), (10,)]:
        size = int(np.prod(shape))
        parts.append(flat[:size].reshape(shape).copy())
        flat = flat[size:]
    return parts


def batches(rows, batch):
    """The ranges of rows that an epoch goes through, in order."""
    batch = batch or rows
    return [(start, min(start + batch, rows)) for start in range(0, rows, batch)]


def timed(work):
    """The seconds that `work` takes, and what it returns."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def serve(**works):
    """Answers case after case. A work takes a case and returns seconds and parameters, or None."""
    for line in sys.stdin:
        case = SimpleNamespace(**{"batch": 0, "epochs": 0, "steps": 0, "weights": 0, "variant": "", **json.loads(line)})
        work = works.get(case.work)
        answer = work(case) if work else None
        if answer is None:
            reply = {"unsupported": True}
        else:
            seconds, params = answer
            np.save(case.out, np.asarray(params, dtype=np.float64).ravel())
            reply = {"seconds": seconds}
        print(json.dumps(reply), flush=True)
