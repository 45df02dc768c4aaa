"""scikit-learn: SGDClassifier, which takes one row at a time."""

import warnings

from serve import csr, dense, serve, timed
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier

warnings.simplefilter("ignore", ConvergenceWarning)


def fit(case, inputs, labels):
    if (case.rule, case.batch) != ("sgd", 1):
        return None
    classifier = SGDClassifier(
        loss="log_loss", penalty=None, fit_intercept=False, shuffle=False, tol=None,
        learning_rate="constant", eta0=case.rate, max_iter=case.epochs,
    )
    seconds, _ = timed(lambda: classifier.fit(inputs, labels))
    return seconds, classifier.coef_


def logistic(case):
    return fit(case, *dense(case.data, case.dtype))


def sparse(case):
    return fit(case, *csr(case.data, case.dtype))


serve(logistic=logistic, sparse=sparse)
