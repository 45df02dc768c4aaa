//! A process that is killed, again and again, ends with the bits of one that never was.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use downhill::{
    prelude::*,
    rand::{RngExt, SeedableRng, rngs::ChaCha12Rng},
    train::Checkpoints,
};

use super::{Folder, bits, every_step::minimize};

const FOLDER: &str = "DOWNHILL_TEST_FOLDER";
const RESULT: &str = "result.txt";

fn trainer() -> Trainer<'static, f64> {
    Trainer::new(Adam::new())
        .learning_rate(ReduceOnPlateau::new(0.05).patience(5))
        .batch(3)
        .epochs(150)
        .seed(9)
}

fn checkpoints(folder: &Path) -> Checkpoints {
    Checkpoints::new(folder).every(Span::Steps(1)).keep(3).best()
}

/// Not a test of its own: what the processes do that are killed.
#[test]
#[ignore = "started by the others"]
fn process() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let folder = Path::new(&folder);
    let trainer = trainer().resume_or_start(folder).checkpoint(checkpoints(folder));
    #[cfg(feature = "interrupt")]
    let trainer = trainer.interruptible();
    let run = minimize(trainer);
    std::fs::write(folder.join(RESULT), bits(&run)).unwrap();
}

fn start(folder: &Path) -> Child {
    let _ = std::fs::remove_file(folder.join(RESULT));
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::process", "--ignored"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits until the process has written a checkpoint, or has ended.
fn wait_for_progress(child: &mut Child, folder: &Folder) {
    let newest = || {
        folder
            .names()
            .into_iter()
            .filter(|name| name.starts_with("step-"))
            .max()
    };
    let before = newest();
    while newest() == before && child.try_wait().unwrap().is_none() {
        sleep(Duration::from_millis(1));
    }
}

/// Runs to their ends, each killed as often as it takes, until so many kills have been made.
fn kill(times: u32, seed: u64) {
    let expected = bits(&minimize(trainer()));
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    let mut kills = 0;
    while kills < times {
        let folder = Folder::new();
        loop {
            let mut child = start(folder.path());
            // Most are killed at some time after they have come further; some as they begin.
            if random.random_bool(0.8) {
                wait_for_progress(&mut child, &folder);
            }
            sleep(Duration::from_micros(random.random_range(0..20_000)));
            child.kill().unwrap();
            let killed = !child.wait().unwrap().success();
            if !killed {
                break;
            }
            kills += 1;
        }
        let result = std::fs::read_to_string(folder.path().join(RESULT)).unwrap();
        assert_eq!(result, expected, "after {kills} kills");
        let mut names = folder.names();
        names.retain(|name| name != RESULT);
        assert_eq!(names.len(), 4, "three checkpoints and the best: {names:?}");
    }
}

#[test]
fn fifty_times() {
    kill(50, 1);
}

#[test]
#[ignore = "takes a minute"]
fn a_thousand_times() {
    kill(1000, 2);
}

/// Asked politely, a process ends at its next step with everything saved.
#[test]
#[cfg(all(unix, feature = "interrupt"))]
fn interrupted() {
    let expected = bits(&minimize(trainer()));
    let folder = Folder::new();
    let mut interrupted = 0;
    loop {
        let mut child = start(folder.path());
        // Where it has come further, its handler is in place.
        wait_for_progress(&mut child, &folder);
        sleep(Duration::from_millis(1));
        let signal = if interrupted % 2 == 0 { "-INT" } else { "-TERM" };
        let alive = child.try_wait().unwrap().is_none();
        if alive {
            let pid = child.id().to_string();
            Command::new("kill").args([signal, &pid]).status().unwrap();
        }
        assert!(child.wait().unwrap().success());
        let result = std::fs::read_to_string(folder.path().join(RESULT)).unwrap();
        if result == expected {
            break;
        }
        assert!(alive && result.contains("Interrupted"), "{result}");
        interrupted += 1;
    }
    assert!(interrupted > 1, "no signal of each kind came before the end");
}
