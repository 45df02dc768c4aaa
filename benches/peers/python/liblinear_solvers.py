"""LIBLINEAR: logistic regression with its default penalty, to its default tolerance."""

import ctypes

import numpy as np
from liblinear.liblinear import liblinear, parameter, problem
from serve import csr, serve, timed

SOLVERS = {"primal": 0, "dual": 7}


def sparse(case):
    if case.variant not in SOLVERS:
        return None
    inputs, labels = csr(case.data, "f64")
    task, options = problem(2 * labels - 1, inputs), parameter(f"-s {SOLVERS[case.variant]} -q")
    seconds, model = timed(lambda: liblinear.train(ctypes.pointer(task), ctypes.pointer(options)))
    weights = np.ctypeslib.as_array(model.contents.w, (inputs.shape[1],)).copy()
    # The first label that it meets is its positive class.
    return seconds, weights if labels[0] == 1 else -weights


serve(sparse=sparse)
