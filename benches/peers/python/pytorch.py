"""PyTorch: every rule fused and for each; models by autograd and, where that is short, by hand."""

import functools
import os

import numpy as np
import torch
from serve import batches, csr, dense, load, network_start, serve, timed

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
DTYPES = {"f32": torch.float32, "f64": torch.float64}


def rule(case, params, variant=None):
    optim, flags = torch.optim, {"foreach": False, "fused": False}
    if variant is not None:
        flags |= {"fused": {"fused": True}, "for each": {"foreach": True}}[variant]
    match case.rule:
        case "sgd":
            return optim.SGD(params, lr=case.rate, **flags)
        case "momentum":
            return optim.SGD(params, lr=case.rate, momentum=0.9, **flags)
        case "adagrad":
            return optim.Adagrad(params, lr=case.rate, **flags)
        case "rmsprop" if not flags.pop("fused"):
            return optim.RMSprop(params, lr=case.rate, **flags)
        case "adam":
            return optim.Adam(params, lr=case.rate, **flags)


def step(case):
    weights, gradient = (torch.from_numpy(load(case.data, name)[: case.weights].copy()) for name in ("weights", "gradient"))
    weights.requires_grad_()
    weights.grad = gradient
    optimizer = rule(case, [weights], case.variant)
    if optimizer is None:
        return None

    def run(steps):
        for _ in range(steps):
            optimizer.step()

    run(1)
    seconds, _ = timed(lambda: run(case.steps))
    return seconds, weights.detach().numpy()


def logistic(case):
    inputs, labels = (torch.from_numpy(array) for array in dense(case.data, case.dtype))
    weights = torch.zeros(inputs.shape[1], dtype=inputs.dtype)
    cuts = batches(len(inputs), case.batch)
    if case.variant == "by hand":
        if case.rule != "sgd":
            return None

        @torch.no_grad()
        def run():
            for _ in range(case.epochs):
                for start, end in cuts:
                    x, y = inputs[start:end], labels[start:end]
                    residual = torch.mv(x, weights).sigmoid_().sub_(y)
                    weights.addmv_(x.T, residual, alpha=-case.rate / (end - start))

    else:
        if case.batch == 1:
            return None  # the same as by hand, ten times slower
        weights.requires_grad_()
        optimizer = rule(case, [weights], "fused")
        loss = torch.nn.functional.binary_cross_entropy_with_logits

        def run():
            for _ in range(case.epochs):
                for start, end in cuts:
                    optimizer.zero_grad()
                    loss(inputs[start:end] @ weights, labels[start:end]).backward()
                    optimizer.step()

    seconds, _ = timed(run)
    return seconds, weights.detach().numpy()


def network(case):
    inputs = torch.from_numpy(load(case.data, "network_inputs"))
    labels = torch.from_numpy(load(case.data, "network_labels").astype(np.int64))
    start = network_start(case.data)
    model = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    with torch.no_grad():
        for param, value in zip(model.parameters(), start):
            param.copy_(torch.from_numpy(value.T.copy() if value.ndim == 2 else value))
    optimizer, loss = rule(case, list(model.parameters()), case.variant), torch.nn.CrossEntropyLoss()

    def run():
        for _ in range(case.epochs):
            for start, end in batches(len(inputs), case.batch):
                optimizer.zero_grad()
                loss(model(inputs[start:end]), labels[start:end]).backward()
                optimizer.step()

    seconds, _ = timed(run)
    params = [param.detach().numpy() for param in model.parameters()]
    return seconds, np.concatenate([(p.T if p.ndim == 2 else p).ravel() for p in params])


@functools.cache
def bags(folder, batch):
    """The sparse rows, batch by batch, as an embedding bag takes them."""
    matrix, labels = csr(folder, "f32")
    starts, result = matrix.indptr, []
    for start, end in batches(matrix.shape[0], batch):
        inside = slice(starts[start], starts[end])
        arrays = (matrix.indices[inside].astype(np.int64), matrix.data[inside], (starts[start:end] - starts[start]).astype(np.int64))
        result.append((*(torch.from_numpy(array) for array in arrays), torch.from_numpy(labels[start:end])))
    return result


def sparse(case):
    if case.batch == 1:
        return None  # the same, thirty times slower
    prepared = bags(case.data, case.batch)
    model = torch.nn.EmbeddingBag(1 << 20, 1, mode="sum", sparse=True)
    torch.nn.init.zeros_(model.weight)
    loss, params = torch.nn.functional.binary_cross_entropy_with_logits, list(model.parameters())
    match case.rule:
        case "adam":
            optimizer = torch.optim.SparseAdam(params, lr=case.rate)
        case _:
            optimizer = rule(case, params)

    def run():
        for _ in range(case.epochs):
            for indices, values, starts, labels in prepared:
                optimizer.zero_grad()
                loss(model(indices, starts, per_sample_weights=values).squeeze(1), labels).backward()
                optimizer.step()

    seconds, _ = timed(run)
    return seconds, model.weight.detach().numpy()


def tiny(case):
    point = torch.tensor([-1.2, 1.0], dtype=torch.float64)
    gradient = torch.zeros(2, dtype=torch.float64)
    point.grad = gradient
    optimizer = rule(case, [point], "fused")

    def run():
        for _ in range(case.steps):
            x, y = point.tolist()
            a, b = 1.0 - x, y - x * x
            gradient[0], gradient[1] = -2.0 * a - 400.0 * x * b, 200.0 * b
            optimizer.step()

    seconds, _ = timed(run)
    return seconds, point.numpy()


serve(step=step, logistic=logistic, network=network, sparse=sparse, tiny=tiny)
