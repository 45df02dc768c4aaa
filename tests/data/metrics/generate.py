#!/usr/bin/env python3
"""Writes the golden cases of this folder: metrics as scikit-learn computes them.

    pip install numpy scikit-learn
    python generate.py

Inputs are short binary fractions, so that scores tie, or random weights of rows; classes may be absent from the labels.
scikit-learn has no expected calibration error: it is made of the bins of its `calibration_curve`, where a row of weight n
stands n times.
"""

import json
import pathlib

import numpy as np
import sklearn
from sklearn import metrics
from sklearn.calibration import calibration_curve

random = np.random.RandomState(7)
BINS = 10


def dyadic(*shape):
    return np.round(random.standard_normal(shape) * 64) / 64


def weights_of(kind, rows):
    return {
        "none": None,
        "whole": random.randint(0, 4, rows).astype(float),
        "any": random.uniform(0.1, 3.0, rows),
    }[kind]


def calibration(probabilities, labels, weights):
    repeats = np.ones(len(labels), int) if weights is None else weights.astype(int)
    confidence = np.repeat(probabilities.max(1), repeats)
    right = np.repeat(probabilities.argmax(1) == labels, repeats)
    shares, means = calibration_curve(right, confidence, n_bins=BINS)
    counts = np.bincount(np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], confidence))
    return float(np.sum(counts[counts > 0] * np.abs(shares - means)) / len(right))


def of_classes(rows, classes, kind):
    # More of the first classes than of the last, and the right one a little more likely.
    labels = np.minimum(random.geometric(0.4, rows) - 1, classes - 1)
    # No two classes of a row score alike: of such the first is ours, and the last that of `top_k_accuracy_score`.
    logits = dyadic(rows, classes) + np.eye(classes)[labels] + np.arange(classes) / 1024
    weights = weights_of(kind, rows)
    exponents = np.exp(logits - logits.max(1, keepdims=True))
    probabilities = exponents / exponents.sum(1, keepdims=True)
    found = logits.argmax(1)
    every = list(range(classes))
    with_weights = dict(sample_weight=weights)
    expected = {
        "accuracy": metrics.accuracy_score(labels, found, **with_weights),
        "top_2": 1.0 if classes == 2 else metrics.top_k_accuracy_score(labels, logits, k=2, labels=every, **with_weights),
        "confusion": metrics.confusion_matrix(labels, found, labels=every, **with_weights).tolist(),
        "log_loss": metrics.log_loss(labels, probabilities, labels=every, **with_weights),
    }
    if kind != "any":
        expected["calibration_error"] = calibration(probabilities, labels, weights)
    # A row of weight 0 is none: a class of such rows only does not occur, as scikit-learn would have it.
    there = np.ones(rows, bool) if weights is None else weights > 0
    occur = sorted({*labels[there].tolist(), *found[there].tolist()})
    for average in [None, "macro", "micro", "weighted"]:
        scores = metrics.precision_recall_fscore_support(
            labels, found, labels=every if average is None else occur, average=average, zero_division=0.0, **with_weights)
        for name, value in zip(["precision", "recall", "f1"], scores):
            expected[f"{name}_{average or 'by_class'}"] = np.asarray(value).tolist()
    return {"kind": "classes", "logits": logits.tolist(), "labels": labels.tolist(),
            "weights": None if weights is None else weights.tolist(), "bins": BINS, "expected": expected}


def of_scores(rows, levels, kind):
    targets = random.randint(0, 2, rows)
    targets[:2] = [0, 1]
    scores = np.round((random.standard_normal(rows) + 0.7 * targets) * levels) / levels
    weights = weights_of(kind, rows)
    return {"kind": "scores", "scores": scores.tolist(), "targets": targets.tolist(),
            "weights": None if weights is None else weights.tolist(),
            "expected": {"roc_auc": metrics.roc_auc_score(targets, scores, sample_weight=weights)}}


def of_numbers(rows, kind):
    targets = dyadic(rows) + 3.0
    predictions = targets + dyadic(rows) / 2
    weights = weights_of(kind, rows)
    with_weights = dict(sample_weight=weights)
    return {"kind": "numbers", "predictions": predictions.tolist(), "targets": targets.tolist(),
            "weights": None if weights is None else weights.tolist(),
            "expected": {"rmse": metrics.root_mean_squared_error(targets, predictions, **with_weights),
                         "mae": metrics.mean_absolute_error(targets, predictions, **with_weights),
                         "r_squared": metrics.r2_score(targets, predictions, **with_weights)}}


if __name__ == "__main__":
    cases = []
    for kind in ["none", "whole", "any"]:
        cases += [of_classes(rows, classes, kind) for rows, classes in [(6, 2), (9, 5), (60, 3), (150, 7)]]
        cases += [of_scores(rows, levels, kind) for rows, levels in [(7, 1), (50, 2), (200, 64)]]
        cases += [of_numbers(rows, kind) for rows in [4, 25, 120]]
    lines = ",\n".join(json.dumps(case) for case in cases)
    path = pathlib.Path(__file__).with_name("metrics.json")
    path.write_text(f'{{"version": "scikit-learn {sklearn.__version__}", "cases": [\n{lines}\n]}}\n')
    print(len(cases), "cases")
