#!/usr/bin/env python3
"""Writes the golden cases of this folder: options and conventions in which PyTorch, Optax and Keras differ.

    pip install torch optax keras scikit-learn mpmath
    python generate.py

Everything runs on the CPU in float64. The gradients are given, whatever the weights are (a "tape"), and the learning
rate changes from step to step, so that it matters where a rule has its rate.
"""

import json
import os
import pathlib

os.environ.update(JAX_ENABLE_X64="1", JAX_PLATFORMS="cpu", KERAS_BACKEND="jax")

import jax
import jax.numpy as jnp
import keras
import mpmath
import numpy as np
import optax
import sklearn
import torch
from optax import contrib
from sklearn._loss import HalfTweedieLoss
from sklearn.metrics import mean_tweedie_deviance

keras.config.set_floatx("float64")
torch.set_default_dtype(torch.float64)
random = np.random.RandomState(20)
STEPS = 10


def dyadic(shape, scale=1.0):
    """Random numbers that are short binary fractions."""
    return np.round(random.standard_normal(shape) * scale * 64) / 64


RATES = [round(0.1 / (1 + step) ** 0.5, 4) for step in range(STEPS)]
TAPES = {shape: (dyadic(shape), dyadic((STEPS, *shape), 2.0)) for shape in [(4,), (3, 2), (2, 3), (2, 3, 2)]}
TAPES[(4,)][1][2:5, 1] = 0.0


def with_torch(make, x, gradients, factor=1.0, momenta=None):
    """As a group whose rate is multiplied by a factor, and with a momentum that changes; what is averaged comes last."""
    weight = torch.nn.Parameter(torch.tensor(x))
    rule = make([weight])
    for step, gradient in enumerate(gradients):
        rule.param_groups[0]["lr"] = factor * RATES[step]
        if momenta:
            rule.param_groups[0]["momentum"] = momenta[step]
        weight.grad = torch.tensor(gradient)
        rule.step()
        yield weight.detach().numpy().copy(), *(a.numpy().copy() for k, a in rule.state[weight].items() if k == "ax")


def with_optax(make, x, gradients):
    rule = make(lambda count: jnp.asarray(RATES)[count])
    x = jnp.asarray(x)
    state = jax.tree.map(lambda a: a.astype(jnp.int64) if getattr(a, "dtype", None) == jnp.int32 else a, rule.init(x))
    for gradient in gradients:
        change, state = rule.update(jnp.asarray(gradient), state, x)
        x = optax.apply_updates(x, change)
        yield np.asarray(x)


def with_lookahead(make, x, gradients):
    rule = make(lambda count: jnp.asarray(RATES)[count])
    pair = optax.LookaheadParams.init_synced(jnp.asarray(x))
    state = rule.init(pair)
    for gradient in gradients:
        change, state = rule.update(jnp.asarray(gradient), state, pair)
        pair = optax.apply_updates(pair, change)
        yield np.asarray(pair.fast)


def with_keras(make, x, gradients):
    weight = keras.Variable(x, dtype="float64")
    rule = make(0.1)
    rule.build([weight])
    for rate, gradient in zip(RATES, gradients):
        rule.learning_rate = rate
        rule.apply([jnp.asarray(gradient)], [weight])
        yield np.asarray(weight.value)


def case(library, function, hyperparameters, shape=(4,), run=None, make=None, **scheduled):
    """One trajectory; the name of the rate is the library's own."""
    run = run or {"torch": with_torch, "optax": with_optax, "keras": with_keras}[library]
    make = make or (lambda first: function(first, **hyperparameters))
    x, gradients = TAPES[shape]
    name = getattr(function, "__name__", None) or "nadam"
    module = {"torch": "torch.optim.", "keras": "keras."}.get(library, "optax.")
    if getattr(function, "__module__", "").startswith("optax.contrib"):
        module = "optax.contrib."
    version = {"torch": torch, "optax": optax, "keras": keras}[library].__version__.split("+")[0]
    points = [point if isinstance(point, tuple) else (point,) for point in run(make, x, gradients, **scheduled)]
    averages = [point[1].tolist() for point in points if len(point) > 1]
    return {
        "name": " ".join(map(str, [module + name, hyperparameters, list(shape), *filter(None, [scheduled])])),
        "source": module + name,
        "version": f"{library} {version}",
        "dtype": "f64",
        "hyperparameters": defaults(function) | hyperparameters,
        "learning_rates": RATES,
        "problem": {"kind": "tape", "gradients": gradients.tolist()},
        "x0": x.tolist(),
        "steps": STEPS,
        "recorded_steps": list(range(1, STEPS + 1)),
        "trajectory": [point[0].tolist() for point in points],
        **({"average_trajectory": averages} if averages else {}),
        **scheduled,
        "suggested_tolerance": 1e-12,
    }


def defaults(function):
    """The settings that are numbers, flags or nothing."""
    import inspect

    parameters = inspect.signature(function).parameters
    plain = (bool, int, float, type(None), str, tuple)
    skip = ("name", "mask", "mu_dtype", "foreach", "fused", "capturable", "differentiable", "lr", "learning_rate",
            "clipnorm", "clipvalue", "global_clipnorm", "loss_scale_factor", "gradient_accumulation_steps")
    found = {k: p.default for k, p in parameters.items() if isinstance(p.default, plain) and k not in skip}
    return {k: v for k, v in found.items() if not k.startswith(("use_ema", "ema_"))}


def optimizers():
    T, O, C, K = torch.optim, optax, contrib, keras.optimizers
    cases = [
        case("torch", T.SGD, dict(momentum=0.9)),
        case("torch", T.SGD, dict(momentum=0.0, dampening=0.3)),
        case("torch", T.RMSprop, dict(momentum=0.8, alpha=0.9)),
        case("torch", T.SGD, dict(momentum=0.9), momenta=[0.9, 0.9, 0.0, 0.0, 0.9, 0.8, 0.0, 0.9, 0.9, 0.9]),
        case("torch", T.SGD, dict(momentum=0.9, nesterov=True), momenta=[0.0, 0.9, 0.9, 0.0, 0.5, 0.9, 0.9, 0.9, 0.0, 0.9]),
        case("torch", T.SGD, dict(momentum=0.9, dampening=0.3), momenta=[0.0, 0.0, 0.9, 0.9, 0.0, 0.9, 0.9, 0.9, 0.9, 0.9]),
        case("torch", T.ASGD, dict(lambd=0.3, t0=3)),
        case("torch", T.ASGD, dict(lambd=0.3, alpha=0.5, t0=2, weight_decay=0.1), factor=2.0),
        case("torch", T.RMSprop, dict(), factor=0.5),
        case("torch", T.Adafactor, dict(weight_decay=0.1), (2, 3, 2)),
        case("torch", T.Adafactor, dict(beta2_decay=-0.5, eps=(1e-6, 1e-2), d=1.5), (2, 3, 2)),
        case("torch", T.Adafactor, dict(maximize=True, weight_decay=0.1), (3, 2)),
        case("optax", O.sm3, dict(momentum=0.8), (2, 3, 2), make=lambda rate: optax.chain(
            optax.scale_by_sm3(0.8), optax.scale_by_learning_rate(rate))),
        case("optax", O.rmsprop, dict()),
        case("optax", O.rmsprop, dict(decay=0.8, eps=0.01, momentum=0.9)),
        case("optax", O.rmsprop, dict(eps=0.01, centered=True, initial_scale=0.5)),
        case("optax", O.rmsprop, dict(eps=0.01, eps_in_sqrt=False, momentum=0.5)),
        case("optax", O.adam, dict(eps_root=0.01)),
        case("optax", O.adamw, dict(eps_root=1e-4, weight_decay=0.1)),
        case("optax", O.amsgrad, dict(b2=0.8)),
        case("optax", O.amsgrad, dict(b1=0.5, b2=0.9, eps=0.01, eps_root=0.01)),
        case("optax", O.nadam, dict(eps_root=0.01)),
        case("optax", O.nadam, dict(b1=0.7, b2=0.9, eps=0.01)),
        case("optax", O.radam, dict(b2=0.9, eps=0.01)),
        case("optax", O.radam, dict(b2=0.9, eps=0.01, eps_root=0.01, threshold=4.5)),
        case("optax", O.adagrad, dict()),
        case("optax", O.adagrad, dict(eps=0.1, initial_accumulator_value=0.0)),
        case("optax", O.adabelief, dict(nesterov=True, eps=1e-3)),
        case("optax", C.adopt, dict(nesterov=True)),
        case("optax", C.adopt, dict(use_clipping=False, b2=0.9)),
        case("optax", O.lamb, dict(eps_root=0.01), (3, 2)),
        case("optax", O.novograd, dict(eps_root=0.01), (3, 2)),
        case("optax", C.prodigy, dict(beta3=0.5, estim_lr0=1e-2)),
        case("optax", O.lookahead, dict(sync_period=3, slow_step_size=0.4), run=with_lookahead,
             make=lambda rate: optax.lookahead(optax.adam(rate), 3, 0.4)),
        case("keras", K.SGD, dict(momentum=0.9)),
        case("keras", K.SGD, dict(momentum=0.9, nesterov=True)),
        case("keras", K.SGD, dict(momentum=0.5, weight_decay=0.1)),
        case("keras", K.Adam, dict()),
        case("keras", K.Adam, dict(beta_1=0.8, beta_2=0.9, epsilon=0.01)),
        case("keras", K.Adam, dict(beta_2=0.8, epsilon=0.01, amsgrad=True)),
        case("keras", K.Adam, dict(epsilon=0.01, weight_decay=0.1)),
        case("keras", K.Adamax, dict()),
        case("keras", K.Adamax, dict(beta_1=0.8, beta_2=0.7, epsilon=0.1)),
        case("keras", K.Adamax, dict(beta_2=0.9, epsilon=0.01, weight_decay=0.1)),
        case("keras", K.RMSprop, dict()),
        case("keras", K.RMSprop, dict(rho=0.8, epsilon=0.01, momentum=0.9)),
        case("keras", K.RMSprop, dict(epsilon=0.01, momentum=0.9, centered=True)),
        case("keras", K.Adagrad, dict()),
        case("keras", K.Adagrad, dict(epsilon=0.1, initial_accumulator_value=0.5)),
    ]
    for scale in ["spectral_unclamped", "match_rms_adamw"]:
        for shape in [(3, 2), (2, 3)]:
            cases.append(case("torch", T.Muon, dict(adjust_lr_fn=scale, ns_coefficients=(2.0, -1.5, 0.5)), shape))
            cases[-1]["suggested_tolerance"] = 2e-2  # PyTorch iterates in bfloat16
    return cases


def plateau(name, metrics, hyperparameters):
    """The rate of each check, from 0.1 at the first, and after the last."""
    rates = [0.1]
    if name == "keras":
        callback = keras.callbacks.ReduceLROnPlateau(monitor="loss", **hyperparameters)
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.1))
        callback.set_model(model)
        callback.on_train_begin()
        for epoch, metric in enumerate(metrics):
            callback.on_epoch_end(epoch, {"loss": metric})
            rates.append(float(model.optimizer.learning_rate.value))
        source = "keras.callbacks.ReduceLROnPlateau"
        function = keras.callbacks.ReduceLROnPlateau.__init__
    else:
        rule = contrib.reduce_on_plateau(**hyperparameters)
        state = rule.init(jnp.zeros(1))
        for metric in metrics:
            _, state = rule.update(jnp.ones(1), state, value=metric)
            rates.append(0.1 * float(state.scale))
        source, function = "optax.contrib.reduce_on_plateau", contrib.reduce_on_plateau
    settings = {k: v for k, v in defaults(function).items() if k not in ("monitor", "verbose")} | hyperparameters
    sign = " below zero" if metrics[0] < 0 else ""
    return {"name": f"{source} {hyperparameters}{sign}", "source": source, "base_lr": 0.1, "hyperparameters": settings,
            "metrics": metrics, "steps": len(rates), "lr": rates}


def scheduler(function, hyperparameters, steps, steps_per_epoch=None):
    """A scheduler of PyTorch that is stepped after every update, or after every epoch."""
    rule = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1, momentum=0.9)
    schedule, rates = function(rule, **hyperparameters), []
    for step in range(steps):
        rates.append(rule.param_groups[0]["lr"])
        rule.step()
        if (step + 1) % (steps_per_epoch or 1) == 0 and step + 1 < steps:
            schedule.step()
    source = f"torch.optim.lr_scheduler.{function.__name__}"
    epochs = {"steps_per_epoch": steps_per_epoch} if steps_per_epoch else {}
    return {"name": " ".join(map(str, [source, hyperparameters, *filter(None, [epochs])])), "source": source, "base_lr": 0.1,
            "hyperparameters": defaults(function) | hyperparameters, **epochs, "steps": steps, "lr": rates}


def schedules():
    noisy = [1.0, 0.9, 0.95, 0.9, 0.9, 0.89, 0.9, 0.9, 0.85, 0.85, 0.85, 0.85, 0.85, 0.85, 0.8, 0.8, 0.8, 0.8, 0.8]
    cases = []
    for function, settings in [
        (optax.cosine_decay_schedule, dict(init_value=0.1, decay_steps=9, alpha=0.1, exponent=2.0)),
        (optax.warmup_cosine_decay_schedule,
         dict(init_value=0.01, peak_value=0.1, warmup_steps=3, decay_steps=10, end_value=0.001, exponent=0.5)),
        (optax.linear_onecycle_schedule, dict(transition_steps=20, peak_value=0.1)),
        (optax.linear_onecycle_schedule,
         dict(transition_steps=17, peak_value=0.1, pct_start=0.4, pct_final=0.7, div_factor=5.0, final_div_factor=10.0)),
        (optax.warmup_exponential_decay_schedule,
         dict(init_value=0.0, peak_value=0.1, warmup_steps=4, transition_steps=3, decay_rate=0.5)),
        (optax.exponential_decay, dict(init_value=0.1, transition_steps=3, decay_rate=1.2, end_value=0.15)),
        (optax.linear_schedule, dict(init_value=0.1, end_value=0.0, transition_steps=8, transition_begin=2)),
    ]:
        schedule = function(**settings)
        cases.append({"name": f"optax.{function.__name__} {settings}", "source": f"optax.{function.__name__}",
                      "hyperparameters": defaults(function) | settings, "steps": 22,
                      "lr": [float(schedule(jnp.asarray(step))) for step in range(22)]})
    K = keras.optimizers.schedules
    for function, settings in [
        (K.InverseTimeDecay, dict(initial_learning_rate=0.1, decay_steps=4, decay_rate=0.5)),
        (K.InverseTimeDecay, dict(initial_learning_rate=0.05, decay_steps=1, decay_rate=0.03)),
        (K.PiecewiseConstantDecay, dict(boundaries=[5, 6, 15], values=[0.1, 0.05, 0.07, 0.01])),
    ]:
        schedule = function(**settings)
        cases.append({"name": f"keras.optimizers.schedules.{function.__name__} {settings}",
                      "source": f"keras.optimizers.schedules.{function.__name__}", "hyperparameters": settings, "steps": 22,
                      "lr": [float(schedule(step)) for step in range(22)]})
    S = torch.optim.lr_scheduler
    cases.append(scheduler(S.OneCycleLR, dict(max_lr=0.1, total_steps=10, pct_start=0.8, three_phase=True, cycle_momentum=False), 10))
    for function, settings in [
        (S.CosineAnnealingLR, dict(T_max=4, eta_min=0.01)),
        (S.CosineAnnealingWarmRestarts, dict(T_0=2, T_mult=2, eta_min=0.01)),
        (S.LinearLR, dict(start_factor=0.25, end_factor=0.5, total_iters=4)),
        (S.PolynomialLR, dict(total_iters=5, power=2.0)),
        (S.ExponentialLR, dict(gamma=0.7)),
        (S.StepLR, dict(step_size=2, gamma=0.5)),
        (S.MultiStepLR, dict(milestones=[1, 4], gamma=0.5)),
    ]:
        cases.append(scheduler(function, settings, 22, 3))
    for settings in [dict(patience=2), dict(patience=1, factor=0.5, cooldown=2), dict(patience=3, rtol=0.01, atol=0.02)]:
        cases.append(plateau("optax", noisy, settings))
        cases.append(plateau("optax", [metric - 2 for metric in noisy], settings))
    cases.append(plateau("optax", [metric - 2 for metric in noisy], dict(patience=2, rtol=0.05, atol=0.03)))
    for settings in [dict(patience=2), dict(patience=1, factor=0.5, cooldown=3, min_lr=0.02),
                     dict(patience=2, min_delta=0.04, cooldown=1)]:
        cases.append(plateau("keras", noisy, settings))
    return cases


def clipping():
    gradients = {"weight": dyadic((3, 4), 2.0), "bias": dyadic((4,), 2.0), "row": dyadic((1, 4), 2.0)}
    weights = {"weight": dyadic((3, 4)), "bias": np.zeros(4), "row": dyadic((1, 4))}
    for shape in [(), (1,), (2, 3, 2), (1, 3, 2), (3, 1, 1), (2, 2, 3, 2), (2, 1, 2, 2, 3)]:
        gradients[str(shape)], weights[str(shape)] = np.asarray(dyadic(shape, 2.0)), np.asarray(dyadic(shape))
    gradients["small"] = np.array([[2.0**-22, 0.0], [2.0**-21, 0.0], [-(2.0**-22), 2.0**-30]])
    weights["small"] = np.zeros((3, 2))
    cases = []
    for clip, eps in [(0.1, 1e-3), (0.5, 1.0), (100.0, 1e-3), (1e-4, 1e-3)]:
        rule = optax.adaptive_grad_clip(clip, eps)
        clipped, _ = rule.update(jax.tree.map(jnp.asarray, gradients), rule.init(weights), jax.tree.map(jnp.asarray, weights))
        cases.append({"name": f"optax.adaptive_grad_clip {clip} {eps}", "source": "optax.adaptive_grad_clip",
                      "hyperparameters": {"clipping": clip, "eps": eps},
                      "tensors": [{"shape": list(g.shape), "weights": weights[k].ravel().tolist(),
                                   "gradient": g.ravel().tolist(), "clipped": np.asarray(clipped[k]).ravel().tolist()}
                                  for k, g in gradients.items()]})
    return cases


def losses():
    """Means over rows, over weights and over numbers; positive targets that weigh by output."""
    F = torch.nn.functional
    random.seed(20)
    cases = []

    def add(name, function, targets, reduction, **tensors):
        logits = torch.tensor(dyadic(targets.shape, 2.0), requires_grad=True)
        value = function(logits, targets, reduction=reduction, **tensors)
        value.backward()
        lists = {key: tensor.flatten().tolist() for key, tensor in tensors.items()}
        cases.append({"name": f"{name}/{reduction}", "source": f"torch.nn.functional.{function.__name__}",
                      "version": "torch " + torch.__version__.split("+")[0], "reduction": reduction, "options": {},
                      "input": logits.tolist(), "target": targets.tolist(), **lists,
                      "value": value.item(), "grad": logits.grad.tolist()})

    bce = F.binary_cross_entropy_with_logits
    shares = torch.tensor(random.randint(0, 5, (4, 3)) / 4.0)
    for reduction in ["mean", "sum"]:
        add("bce_by_output", bce, shares, reduction, pos_weight=torch.tensor([1.5, 4.0, 0.25]))
        add("bce_by_output_and_row", bce, shares, reduction, pos_weight=torch.tensor([0.5, 1.0, 3.0]),
            weight=torch.tensor([[2.0], [0.0], [1.25], [0.5]]))
    for reduction in ["mean", "batchmean", "sum"]:
        add("kl_div_of_rows", F.kl_div, torch.softmax(torch.tensor(dyadic((4, 3))), 1), reduction)
    for mean in [squared_hinge(), *map(tweedie, [1.0, 1.25, 1.5, 2.0]), crps()]:
        total = {key: (np.multiply(mean[key], 6)).tolist() for key in mean if key.startswith(("value", "grad"))}
        cases.extend(mean | {"name": f"{mean['name']}/{reduction}", "reduction": reduction} | numbers
                     for reduction, numbers in [("mean", {}), ("sum", total)])
    return cases


def squared_hinge():
    signs, outputs = np.array([1.0, -1.0, 1.0, 1.0, -1.0, -1.0]), np.array([0.5, -0.5, 1.0, 1.75, -2.0, 0.625])
    # One at a time: the mean is taken in float32.
    losses = [jax.value_and_grad(lambda p: keras.losses.squared_hinge(np.array([sign]), p[None]))(jnp.asarray(output))
              for sign, output in zip(signs, outputs)]
    values, slopes = np.array(losses).T
    return {"name": "squared_hinge", "source": "keras.losses.squared_hinge", "version": f"keras {keras.__version__}", "options": {},
            "input": outputs.tolist(), "target": signs.tolist(), "value": values.mean(), "grad": (slopes / 6).tolist()}


def tweedie(power):
    """Of log means. By the log link's own loss, without what depends on targets only; the public deviance is twice it, but for that."""
    targets, logs = np.array([0.5, 3.25, 1.0, 0.125, 7.0, 2.0]), np.array([-1.5, 1.25, 0.0, 0.5, 1.875, -0.25])
    values, slopes = HalfTweedieLoss(power=power).loss_gradient(targets, logs)
    for target, log, value in zip(targets, logs, values):
        [at_zero] = HalfTweedieLoss(power=power).loss(np.array([target]), np.zeros(1))
        deviances = [mean_tweedie_deviance([target], [np.exp(at)], power=power) for at in [log, 0.0]]
        assert abs((value - at_zero) - (deviances[0] - deviances[1]) / 2) < 1e-13
    return {"name": f"tweedie {power}", "source": "sklearn._loss.HalfTweedieLoss", "version": f"scikit-learn {sklearn.__version__}",
            "options": {"power": power}, "input": logs.tolist(), "target": targets.tolist(), "value": float(values.mean()),
            "grad": (slopes / 6).tolist()}


def crps():
    """The integral of (F(x) - [x >= y])^2, F being the normal distribution function, and its derivatives, to 30 digits."""
    mpmath.mp.dps = 30
    means, logs = [0.5, -1.25, 2.0, 0.0, 3.5, -0.75], [0.0, -0.5, 1.0, 0.25, -1.5, 0.625]
    targets = [1.25, -1.5, 2.0, -3.0, 3.625, 4.0]

    def score(mean, log, target):
        deviation = mpmath.exp(log)
        below = mpmath.quad(lambda x: mpmath.ncdf(x, mean, deviation) ** 2, [-mpmath.inf, min(mean, target), target])
        above = mpmath.quad(lambda x: mpmath.ncdf(-x, -mean, deviation) ** 2, [target, max(mean, target), mpmath.inf])
        return below + above

    rows = list(zip(means, logs, targets))
    slopes = [[float(mpmath.diff(lambda x: score(*(x if i == which else row[i] for i in range(3))), row[which]) / 6)
               for row in rows] for which in (0, 1)]
    return {"name": "crps", "source": "mpmath.crps", "version": f"mpmath {mpmath.__version__}", "options": {}, "input": means,
            "log_deviation": logs, "target": targets, "value": float(sum(score(*row) for row in rows) / 6),
            "grad": slopes[0], "grad_log_deviation": slopes[1]}


def frameworks():
    """The defaults of every rule that has a counterpart, from the signatures; what is off or not given is left out."""
    T, O, C = torch.optim, optax, contrib
    rules = {
        "torch.optim": [T.SGD, T.Adagrad, T.RMSprop, T.Adam, T.AdamW, T.Adamax, T.NAdam, T.RAdam, T.Adadelta, T.Rprop, T.ASGD,
                        T.Adafactor, T.Muon, T.LBFGS],
        "optax": [O.sgd, O.adagrad, O.rmsprop, O.adam, O.adamw, O.amsgrad, O.adamax, O.radam, O.adadelta, O.lion, O.yogi,
                  O.adabelief, O.adan, O.sign_sgd, O.signum, O.lamb, O.lars, O.novograd, O.fromage, O.sm3, O.lookahead],
        "optax.contrib": [C.ademamix, C.adopt, C.madgrad, C.sophia, C.schedule_free_sgd, C.schedule_free_adamw, C.prodigy,
                          C.dadapt_adamw],
    }
    named = {f"{module}.{rule.__name__}": rule for module, all in rules.items() for rule in all}
    named["optax.nadam"] = O.nadam
    import inspect

    for name, rule in named.items():
        found = {}
        for key, parameter in inspect.signature(rule).parameters.items():
            value = parameter.default
            if isinstance(value, torch.Tensor):
                value = value.item()
            parts = value if isinstance(value, tuple) else (value,)
            plain = all(part is None or isinstance(part, (int, float)) for part in parts)
            if plain and value is not None and value is not False and value is not parameter.empty:
                found[key] = value
        yield {"name": name, "defaults": found}


def write(family, cases):
    for one in cases:
        one["name"] = one["name"].replace("'", "")
    path = pathlib.Path(__file__).with_name(f"{family}.json")
    lines = ",\n".join(json.dumps(one) for one in cases)
    path.write_text(f'{{"family": "{family}", "cases": [\n{lines}\n]}}\n')
    print(family, len(cases), "cases")


if __name__ == "__main__":
    write("optimizers", optimizers())
    write("schedules", schedules())
    write("clipping", clipping())
    write("losses", losses())
    write("defaults", list(frameworks()))
