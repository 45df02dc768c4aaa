//! The table of rules in `docs/rules.md`: written by `DOWNHILL_WRITE_DOCS=1 cargo test --test golden table`, and otherwise
//! compared with what is there, but for the deviations, which may differ in their last digits from machine to machine.

use downhill::optim::*;

use crate::{lbfgs, optimizers::families};

/// A rule, its formula, its defaults, those of PyTorch and of Optax (or Keras), and the references whose cases it runs.
type Row = (
    Box<dyn Optimizer<f64>>,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    vec![
        (Box::new(MiniBatchSgd::new(32)), "w − η g", "—", "lr 1e-3; Optax: no default", &["torch.optim.SGD"]),
        (Box::new(Momentum::new(0.9)), "v ← βv + g; w − ηv", "β 0.9", "momentum 0; Optax: none; Keras: η in v", &["torch.optim.SGD", "keras.SGD"]),
        (Box::new(Adagrad::new()), "s ← s + g²; w − η g/(√s + ε)", "ε 1e-10, s₀ 0", "the same; Optax, Keras: ε 1e-7 in the root, s₀ 0.1", &["torch.optim.Adagrad", "optax.adagrad", "keras.Adagrad"]),
        (Box::new(RmsProp::new()), "v ← αv + (1−α)g²; w − η g/(√v + ε)", "α 0.99, ε 1e-8", "the same; Optax: 0.9, ε in the root", &["torch.optim.RMSprop", "optax.rmsprop", "keras.RMSprop"]),
        (Box::new(Adam::new()), "w − η m̂/(√v̂ + ε)", "β 0.9, 0.999, ε 1e-8", "the same; Keras: ε 1e-7 before the correction", &["torch.optim.Adam", "optax.adam", "optax.amsgrad", "keras.Adam"]),
        (Box::new(AdamW::default()), "w(1 − ηλ), then Adam", "λ 0.01", "the same; Optax: 1e-4", &["torch.optim.AdamW", "optax.adamw"]),
        (Box::new(Adamax::new()), "u ← max(β₂u, abs g + ε); w − η m̂/u", "β 0.9, 0.999, ε 1e-8", "the same; Keras: ε 1e-7 after the maximum", &["torch.optim.Adamax", "keras.Adamax"]),
        (Box::new(NAdam::new()), "Adam with Nesterov's momentum, warming up", "ψ 4e-3", "the same; Optax: no warming up", &["torch.optim.NAdam", "optax.nadam"]),
        (Box::new(RAdam::new()), "Adam, rectified; at first momentum", "β 0.9, 0.999, ε 1e-8", "the same; Optax: ε after the correction", &["torch.optim.RAdam", "optax.radam"]),
        (Box::new(Adadelta::new()), "d = √(a + ε)/√(v + ε) g; w − ηd", "ρ 0.9, ε 1e-6", "the same", &["torch.optim.Adadelta"]),
        (Box::new(Rprop::new()), "s grows or shrinks by signs; w − sign(g) s", "0.5, 1.2; 1e-6 to 50", "the same", &["torch.optim.Rprop"]),
        (Box::new(Asgd::new()), "w(1 − ληₜ) − ηₜ g; averaged", "λ 1e-4, α 0.75, t₀ 1e6", "the same", &["torch.optim.ASGD"]),
        (Box::new(Lion::new()), "w − η sign(β₁m + (1−β₁)g)", "β 0.9, 0.99", "Optax: the same", &["optax.lion"]),
        (Box::new(Yogi::new()), "v − (1−β₂) sign(v − g²) g²", "β 0.9, 0.999, ε 1e-3", "Optax: the same", &["optax.yogi"]),
        (Box::new(AdaBelief::new()), "v of (g − m)²; w − η m̂/(√v̂ + ε)", "ε 1e-16", "Optax: the same", &["optax.adabelief"]),
        (Box::new(AdaBound::new()), "Adam's rates between closing bounds", "κ 100, γ 1e-3", "authors': the same", &[]),
        (Box::new(AdaBound::new().amsbound()), "the same with the largest v", "κ 100, γ 1e-3", "authors': the same", &[]),
        (Box::new(Adan::new()), "w − η (m̂ + (1−β₂)v̂)/(√n̂ + ε)", "β 0.98, 0.92, 0.99", "Optax: the same", &["optax.adan"]),
        (Box::new(Qhm::new()), "w − η((1−ν)g + νm)", "β 0.999, ν 0.7", "authors': the same", &[]),
        (Box::new(QhAdam::new()), "Adam, mixed with the plain gradient", "ν 0.7, 1; β 0.995, 0.999", "authors': the same", &[]),
        (Box::new(SignSgd::new()), "w − η sign(g)", "—", "Optax: the same", &["optax.sign_sgd"]),
        (Box::new(Signum::new()), "w − η sign(m)", "β 0.9", "Optax: the same", &["optax.signum"]),
        (Box::new(AdEmaMix::new()), "w − η (m̂ + αs)/(√v̂ + ε)", "β₃ 0.9999, α 5", "Optax: the same", &["optax.contrib.ademamix"]),
        (Box::new(Adopt::new()), "u = g/max(√v₋₁, ε), averaged", "β 0.9, 0.9999, ε 1e-6", "Optax: the same", &["optax.contrib.adopt"]),
        (Box::new(Madgrad::new()), "dual averaging, ∛ of the sum of squares", "β 0.9, ε 1e-6", "Optax: the same", &["optax.contrib.madgrad"]),
        (Box::new(FtrlProximal::new()), "zero where abs z ≤ λ₁", "β 1", "Keras: β 0, n₀ 0.1, 2λ₂", &[]),
        (Box::new(Sophia::new()), "w − η clip(m̂/max(γh, ε))", "β 0.965, 0.99, γ 0.01", "Optax: the same", &["optax.contrib.sophia"]),
        (Box::new(ScheduleFree::sgd()), "z − ηg; y between z and its average", "β₁ 0.9, p 2", "Optax: the same", &["optax.contrib.schedule_free_sgd"]),
        (Box::new(ScheduleFree::adamw()), "z − η g/(√v̂ + ε); the same", "β 0.9, 0.999", "Optax: the same", &["optax.contrib.schedule_free_adamw"]),
        (Box::new(Lamb::new()), "Adam's step u, times ‖w‖/‖u‖", "ε 1e-6", "Optax: the same", &["optax.lamb"]),
        (Box::new(Lars::new()), "v ← βv + ητ‖w‖/‖g‖ g; w − v", "β 0.9, τ 1e-3", "Optax: the same", &["optax.lars"]),
        (Box::new(NovoGrad::new()), "m ← β₁m + g/√v, one v a tensor", "β 0.9, 0.25", "Optax: the same", &["optax.novograd"]),
        (Box::new(Fromage::new()), "(w − η‖w‖/‖g‖ g)/√(1 + η²)", "1e-6", "Optax: the same", &["optax.fromage"]),
        (Box::new(Sm3::new()), "Adagrad by rows and columns", "β 0.9", "Optax: the same", &["optax.sm3"]),
        (Box::new(Adafactor::new()), "v from rows and columns; clipped steps", "γ −0.8, d 1", "the same", &["torch.optim.Adafactor"]),
        (Box::new(Muon::new()), "orthogonalised momentum; others AdamW", "β 0.95, λ 0.1", "the same (in bfloat16)", &["torch.optim.Muon"]),
        (Box::new(Prodigy::new()), "Adam with an estimated rate", "d₀ 1e-6", "Optax: the same", &["optax.contrib.prodigy"]),
        (Box::new(DAdapt::new()), "AdamW with an estimated rate", "d₀ 1e-6", "Optax: the same", &["optax.contrib.dadapt_adamw"]),
    ]
}

const HEAD: &str = "# The rules

Every rule with what it remembers, its formula (m̂ and v̂ are Adam's corrected moments), its defaults, and how far it is at
most from the trajectories computed by PyTorch, Optax and Keras in float64, relative to the largest value so far of each coordinate.
SGD's cases are counted with and without momentum together, and those of every convention with their rule. Muon's largest deviation is from PyTorch's iteration in bfloat16;
from the same in float64 it is within 1e-12. Made by `DOWNHILL_WRITE_DOCS=1 cargo test --test golden table`.

Of Optax's options these have no counterpart: `nesterov` and `bias_correction` of `rmsprop`, `nesterov` of `radam`, `reset_state` of
`lookahead`, `bias_correction_mu` and `bias_correction_nu` of `amsgrad` (always on), `accumulation_size` of `reduce_on_plateau`. Their
cases run with Optax's defaults.

| rule | remembers | step | defaults | in PyTorch, or elsewhere | rate | cases | off by |
|---|---|---|---|---|---|---|---|
";

#[test]
fn table_of_rules() {
    let families = families();
    let mut table = HEAD.to_string();
    for (rule, formula, defaults, others, sources) in rows() {
        let slots: Vec<&str> = rule.buffers().iter().map(|buffer| buffer.name).collect();
        let of_tensor = rule.tensor_buffers(&[3, 4]).unwrap_or_default();
        let memory: Vec<String> = slots
            .into_iter()
            .map(String::from)
            .chain(
                of_tensor
                    .iter()
                    .map(|buffer| format!("{}{}", buffer.name, if buffer.len < 12 { "*" } else { "" })),
            )
            .map(|name| name.replace('_', " "))
            .collect();
        let memory = if memory.is_empty() {
            "nothing".into()
        } else {
            memory.join(", ")
        };
        let (mut cases, mut worst) = (0, 0.0_f64);
        for source in sources {
            let [(double, deviation), (single, _)] = families[*source];
            cases += double + single;
            worst = worst.max(deviation);
        }
        let (cases, worst) = match cases {
            0 => ("by its formula".into(), String::new()),
            _ => (cases.to_string(), format!("{worst:.0e}")),
        };
        let name = if formula.starts_with("w(1 − ηλ), then") {
            "adamw"
        } else {
            rule.name()
        };
        table += &format!(
            "| {name} | {memory} | `{formula}` | {defaults} | {others} | {} | {cases} | {worst} |\n",
            rule.default_rate()
        );
    }
    let (cases, worst) = lbfgs::run();
    table += &format!(
        "| l-bfgs | pairs of steps and changes of the gradient | `w + t d, d by two loops over the pairs` | history 100 | the same; \
         Optax: 10 | 1 | {cases} | {worst:.0e} |\n"
    );
    table += "\n\\* fewer numbers than weights.\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rules.md");
    if std::env::var_os("DOWNHILL_WRITE_DOCS").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    let there = std::fs::read_to_string(path).unwrap();
    let without_deviation = |text: &str| -> Vec<String> {
        let cut = |line: &str| {
            line.rsplit_once(" | ")
                .map_or(line, |(before, _)| before)
                .to_string()
        };
        text.lines().map(cut).collect()
    };
    let differing = without_deviation(&there)
        .into_iter()
        .zip(without_deviation(&table))
        .find(|(there, here)| there != here);
    assert_eq!(differing, None, "docs/rules.md is out of date");
    assert_eq!(there.lines().count(), table.lines().count());
}
