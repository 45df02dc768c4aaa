"""JAX and Optax: whole epochs compiled into one program; compiled once before it is measured."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from serve import dense, load, network_start, serve, timed

jax.config.update("jax_enable_x64", True)


def rule(case):
    match case.rule:
        case "sgd":
            return optax.sgd(case.rate)
        case "momentum":
            return optax.sgd(case.rate, momentum=0.9)
        case "adagrad":
            return optax.adagrad(case.rate, initial_accumulator_value=0.0, eps=1e-10)
        case "rmsprop":
            return optax.rmsprop(case.rate, decay=0.99, eps=1e-8, eps_in_sqrt=False)
        case "adam":
            return optax.adam(case.rate)


def measured(run, *arguments):
    """Seconds and result of a compiled function, after a first call that compiles it."""
    jax.block_until_ready(run(*arguments))
    return timed(lambda: jax.block_until_ready(run(*arguments)))


def step(case):
    optimizer = rule(case)
    weights, gradient = (jnp.asarray(load(case.data, name)[: case.weights]) for name in ("weights", "gradient"))

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def once(weights, state):
        updates, state = optimizer.update(gradient, state, weights)
        return optax.apply_updates(weights, updates), state

    def run(weights, state, steps):
        for _ in range(steps):
            weights, state = once(weights, state)
        return jax.block_until_ready((weights, state))

    weights, state = run(weights + 0, optimizer.init(weights), 1)
    seconds, (weights, _) = timed(lambda: run(weights, state, case.steps))
    return seconds, weights


def scanned(loss, optimizer, rows, batch, epochs):
    """A compiled function from parameters and data to parameters after some epochs."""
    batch = batch or rows
    whole, rest = rows // batch * batch, rows % batch

    def update(carry, part):
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss)(params, *part), state, params)
        return (optax.apply_updates(params, updates), state), None

    @jax.jit
    def run(params, inputs, labels):
        cut = [a[:whole].reshape(whole // batch, batch, *a.shape[1:]) for a in (inputs, labels)]

        def epoch(_, carry):
            carry, _ = jax.lax.scan(update, carry, cut)
            return update(carry, (inputs[whole:], labels[whole:]))[0] if rest else carry

        return jax.lax.fori_loop(0, epochs, epoch, (params, optimizer.init(params)))[0]

    return run


def logistic(case):
    inputs, labels = (jnp.asarray(array) for array in dense(case.data, case.dtype))

    def loss(weights, x, y):
        return optax.losses.sigmoid_binary_cross_entropy(x @ weights, y).mean()

    run = scanned(loss, rule(case), len(inputs), case.batch, case.epochs)
    return measured(run, jnp.zeros(inputs.shape[1], inputs.dtype), inputs, labels)


def network_loss(params, x, y):
    w1, b1, w2, b2 = params
    logits = jax.nn.relu(x @ w1 + b1) @ w2 + b2
    return optax.losses.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def network(case):
    inputs = jnp.asarray(load(case.data, "network_inputs"))
    labels = jnp.asarray(load(case.data, "network_labels").astype(np.int32))
    run = scanned(network_loss, rule(case), len(inputs), case.batch, case.epochs)
    start = [jnp.asarray(part) for part in network_start(case.data)]
    seconds, params = measured(run, start, inputs, labels)
    return seconds, np.concatenate([np.asarray(part).ravel() for part in params])


def tiny(case):
    optimizer = rule(case)

    def update(_, carry):
        point, state = carry
        a, b = 1.0 - point[0], point[1] - point[0] ** 2
        gradient = jnp.stack([-2.0 * a - 400.0 * point[0] * b, 200.0 * b])
        updates, state = optimizer.update(gradient, state, point)
        return optax.apply_updates(point, updates), state

    @jax.jit
    def run(point):
        return jax.lax.fori_loop(0, case.steps, update, (point, optimizer.init(point)))[0]

    return measured(run, jnp.array([-1.2, 1.0]))


serve(step=step, logistic=logistic, network=network, tiny=tiny)
