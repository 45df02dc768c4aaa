"""Vowpal Wabbit: online learning from its own binary cache of the rows, which is made before it is measured."""

import os

import numpy as np
import vowpalwabbit
from serve import serve, timed

RULES = {"sgd": "--sgd --power_t 0", "adagrad": "--sgd --adaptive"}


def sparse(case):
    if case.batch != 1 or case.rule not in RULES:
        return None
    text = f"{case.data}/sparse.vw"
    options = (
        f"-d {text} --cache_file {text}.cache --loss_function logistic --noconstant -b 20 --quiet "
        f"{RULES[case.rule]} -l {case.rate}"
    )
    if not os.path.exists(f"{text}.cache"):
        vowpalwabbit.Workspace(options).finish()
    seconds, model = timed(lambda: vowpalwabbit.Workspace(options))
    return seconds, np.fromiter((model.get_weight(i, 0) for i in range(1 << 20)), float, 1 << 20)


serve(sparse=sparse)
