//! The table of rules in `docs/rules.md`: written by `DOWNHILL_WRITE_DOCS=1 cargo test --test golden table`, and otherwise
//! compared with what is there, but for the deviations, which may differ in their last digits from machine to machine.

use downhill::optim::*;

use serde_json::Value;

use crate::{json::cases, lbfgs, optimizers::families};

/// A rule, its formula, and the references whose cases it runs.
type Row = (Box<dyn Optimizer<f64>>, &'static str, &'static [&'static str]);

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    vec![
        (Box::new(MiniBatchSgd::new(32)), "w − η g", &["torch.optim.SGD"]),
        (Box::new(Momentum::new(0.9)), "v ← βv + g; w − ηv", &["torch.optim.SGD", "keras.SGD"]),
        (Box::new(Adagrad::new()), "s ← s + g²; w − η g/(√s + ε)", &["torch.optim.Adagrad", "optax.adagrad", "keras.Adagrad"]),
        (Box::new(RmsProp::new()), "v ← αv + (1−α)g²; w − η g/(√v + ε)", &["torch.optim.RMSprop", "optax.rmsprop", "keras.RMSprop"]),
        (Box::new(Adam::new()), "w − η m̂/(√v̂ + ε)", &["torch.optim.Adam", "optax.adam", "optax.amsgrad", "keras.Adam"]),
        (Box::new(AdamW::default()), "w(1 − ηλ), then Adam", &["torch.optim.AdamW", "optax.adamw"]),
        (Box::new(Adam::new().lookahead()), "every k steps φ ← φ + α(w − φ); w ← φ", &["optax.lookahead"]),
        (Box::new(Adamax::new()), "u ← max(β₂u, abs g + ε); w − η m̂/u", &["torch.optim.Adamax", "keras.Adamax"]),
        (Box::new(NAdam::new()), "Adam with Nesterov's momentum, warming up", &["torch.optim.NAdam", "optax.nadam"]),
        (Box::new(RAdam::new()), "Adam, rectified; at first momentum", &["torch.optim.RAdam", "optax.radam"]),
        (Box::new(Adadelta::new()), "d = √(a + ε)/√(v + ε) g; w − ηd", &["torch.optim.Adadelta"]),
        (Box::new(Rprop::new()), "s grows or shrinks by signs; w − sign(g) s", &["torch.optim.Rprop"]),
        (Box::new(Asgd::new()), "w(1 − ληₜ) − ηₜ g; averaged", &["torch.optim.ASGD"]),
        (Box::new(Lion::new()), "w − η sign(β₁m + (1−β₁)g)", &["optax.lion"]),
        (Box::new(Yogi::new()), "v − (1−β₂) sign(v − g²) g²", &["optax.yogi"]),
        (Box::new(AdaBelief::new()), "v of (g − m)²; w − η m̂/(√v̂ + ε)", &["optax.adabelief"]),
        (Box::new(AdaBound::new()), "Adam's rates between closing bounds", &[]),
        (Box::new(AdaBound::new().amsbound()), "the same with the largest v", &[]),
        (Box::new(Adan::new()), "w − η (m̂ + (1−β₂)v̂)/(√n̂ + ε)", &["optax.adan"]),
        (Box::new(Qhm::new()), "w − η((1−ν)g + νm)", &[]),
        (Box::new(QhAdam::new()), "Adam, mixed with the plain gradient", &[]),
        (Box::new(SignSgd::new()), "w − η sign(g)", &["optax.sign_sgd"]),
        (Box::new(Signum::new()), "w − η sign(m)", &["optax.signum"]),
        (Box::new(AdEmaMix::new()), "w − η (m̂ + αs)/(√v̂ + ε)", &["optax.contrib.ademamix"]),
        (Box::new(Adopt::new()), "u = g/max(√v₋₁, ε), averaged", &["optax.contrib.adopt"]),
        (Box::new(Madgrad::new()), "dual averaging, ∛ of the sum of squares", &["optax.contrib.madgrad"]),
        (Box::new(FtrlProximal::new()), "zero where abs z ≤ λ₁", &[]),
        (Box::new(Sophia::new()), "w − η clip(m̂/max(γh, ε))", &["optax.contrib.sophia"]),
        (Box::new(ScheduleFree::sgd()), "z − ηg; y between z and its average", &["optax.contrib.schedule_free_sgd"]),
        (Box::new(ScheduleFree::adamw()), "z − η g/(√v̂ + ε); the same", &["optax.contrib.schedule_free_adamw"]),
        (Box::new(Lamb::new()), "Adam's step u, times ‖w‖/‖u‖", &["optax.lamb"]),
        (Box::new(Lars::new()), "v ← βv + ητ‖w‖/‖g‖ g; w − v", &["optax.lars"]),
        (Box::new(NovoGrad::new()), "m ← β₁m + g/√v, one v a tensor", &["optax.novograd"]),
        (Box::new(Fromage::new()), "(w − η‖w‖/‖g‖ g)/√(1 + η²)", &["optax.fromage"]),
        (Box::new(Sm3::new()), "Adagrad by rows and columns", &["optax.sm3"]),
        (Box::new(Adafactor::new()), "v from rows and columns; clipped steps", &["torch.optim.Adafactor"]),
        (Box::new(Muon::new()), "orthogonalised momentum; others AdamW", &["torch.optim.Muon"]),
        (Box::new(Prodigy::new()), "Adam with an estimated rate", &["optax.contrib.prodigy"]),
        (Box::new(DAdapt::new()), "AdamW with an estimated rate", &["optax.contrib.dadapt_adamw"]),
    ]
}

const HEAD: &str = "# The rules

Every rule with what it remembers, its formula (m̂ and v̂ are Adam's corrected moments), its defaults beside those of PyTorch and
Optax (from their signatures; what is off is left out), and how far it is at most from the trajectories computed by PyTorch, Optax and Keras in float64, relative to the largest value so far of each coordinate.
SGD's cases are counted with and without momentum together, and those of every convention with their rule. Muon's largest deviation is from PyTorch's iteration in bfloat16;
from the same in float64 it is within 1e-12. Made by `DOWNHILL_WRITE_DOCS=1 cargo test --test golden table`.

Of Optax's options these have no counterpart: `nesterov` and `bias_correction` of `rmsprop`, `nesterov` of `radam`, `reset_state` of
`lookahead`, `bias_correction_mu` and `bias_correction_nu` of `amsgrad` (always on), `accumulation_size` of `reduce_on_plateau`. Their
cases run with Optax's defaults.

| rule | remembers | step | rate | other defaults | of PyTorch and Optax | cases | off by |
|---|---|---|---|---|---|---|---|
";

/// The settings of a rule as its `Debug` says them, without those that are off and without the rate, which has a column of its own.
fn own_defaults(rule: &dyn std::fmt::Debug) -> String {
    // The commas within an array separate no settings.
    let mut depth = 0;
    let apart = |c: char| {
        depth += i32::from(c == '[') - i32::from(c == ']');
        if c == ',' && depth > 0 { ';' } else { c }
    };
    let text: String = format!("{rule:?}").chars().map(apart).collect();
    let settings = text
        .split(['{', '}', ','])
        .filter_map(|part| part.trim().split_once(": "));
    let told = settings.filter(|(name, value)| {
        let hidden = [
            "default_rate",
            "learning_rate",
            "convention",
            "batch",
            "rule",
            "memory",
        ];
        let of_memory = [
            "pairs",
            "direction",
            "last_gradient",
            "length",
            "scaling",
            "updates",
            "evaluations",
        ];
        !hidden.contains(name) && !of_memory.contains(name) && !["Off", "false", "None"].contains(value)
    });
    let told = Vec::from_iter(told.map(|(name, value)| format!("{name} {}", value.trim_end_matches(".0"))));
    if told.is_empty() {
        "—".into()
    } else {
        told.join(", ").replace('_', " ")
    }
}

/// The defaults of the counterparts, where a framework's signature says them.
fn others(theirs: &[Value], sources: &[&str]) -> String {
    let said = sources.iter().filter_map(|source| {
        let found = theirs.iter().find(|rule| rule["name"] == *source)?;
        let defaults = found["defaults"]
            .as_object()
            .filter(|all| !all.is_empty())?
            .iter();
        let told = defaults.map(|(name, value)| format!("{name} {}", value.to_string().replace(',', ", ")));
        Some(format!(
            "{source}: {}",
            Vec::from_iter(told).join(", ").replace('_', " ")
        ))
    });
    let said = Vec::from_iter(said);
    if said.is_empty() {
        "—".into()
    } else {
        said.join("; ")
    }
}

#[test]
fn table_of_rules() {
    let (families, theirs) = (families(), cases("defaults"));
    let mut table = HEAD.to_string();
    for (rule, formula, sources) in rows() {
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
            "| {name} | {memory} | `{formula}` | {} | {} | {} | {cases} | {worst} |\n",
            rule.default_rate(),
            own_defaults(&rule),
            others(&theirs, sources),
        );
    }
    let (cases, worst) = lbfgs::run();
    table += &format!(
        "| l-bfgs | pairs of steps and changes of the gradient | `w + t d, d by two loops over the pairs` | 1 | {} | {} | {cases} | \
         {worst:.0e} |\n",
        own_defaults(&Lbfgs::<f64>::new()),
        others(&theirs, &["torch.optim.LBFGS"]),
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
