//! A run that has failed, continued.

use downhill::{Gradient, Objective, data::Batch, prelude::*, rand::Rng, train::Checkpoints, train::Record};

use super::{Folder, bits};

/// A bowl whose data cannot be read after so many calls: at a step, or at an evaluation.
#[derive(Default)]
struct Failing {
    calls: u64,
    at_step: Option<u64>,
    at_evaluation: Option<u64>,
}

impl Failing {
    fn torn(call: u64) -> Error {
        Error::Stream {
            number: call,
            message: "torn".into(),
        }
    }

    fn fail(&self, at: Option<u64>) -> Result<(), Error> {
        match at {
            Some(call) if call == self.calls => Err(Self::torn(call)),
            _ => Ok(()),
        }
    }
}

impl Objective<f64> for Failing {
    fn terms(&self) -> usize {
        3
    }

    fn start(&self, _: &mut dyn Rng) -> Params<f64> {
        Params::from(vec![3.0])
    }

    fn value_and_gradient(
        &mut self,
        params: &Params<f64>,
        _: &Batch<'_>,
        gradient: &mut Gradient<f64>,
    ) -> Result<f64, Error> {
        self.fail(self.at_step)?;
        self.calls += 1;
        let weight = params.as_slice()[0];
        gradient.as_mut_slice()[0] = 2.0 * weight;
        Ok(weight * weight)
    }

    fn metrics(&self) -> Vec<String> {
        vec!["weight".into()]
    }

    fn evaluate(&mut self, params: &Params<f64>, record: &mut Record) -> Result<(), Error> {
        self.fail(self.at_evaluation)?;
        record.metrics[0].1 = params.as_slice()[0];
        Ok(())
    }
}

/// Nothing is lost: it goes on to the bits of a run that never failed.
#[test]
fn it_goes_on_where_it_failed() {
    let folder = Folder::new();
    // After every epoch of three steps, and after every two steps.
    for (every, at_step, at_evaluation, records) in [
        (Span::Epochs(1), Some(5), None, 1),
        (Span::Epochs(1), None, Some(6), 1),
        (Span::Epochs(1), Some(11), None, 3),
        (Span::Epochs(1), None, Some(12), 3),
        (Span::Steps(2), Some(4), None, 3),
        (Span::Steps(2), None, Some(4), 2),
        (Span::Steps(2), None, Some(6), 3),
        (Span::Steps(2), None, Some(8), 4),
    ] {
        let trainer = || Trainer::new(Adam::new()).batch(1).epochs(4).evaluate_every(every);
        let whole = trainer().minimize(Failing::default()).unwrap();
        let at = at_step.or(at_evaluation).unwrap();
        let path = folder
            .path()
            .join(format!("{every:?} {at_step:?} {at_evaluation:?}"));
        let failing = Failing {
            calls: 0,
            at_step,
            at_evaluation,
        };
        let checkpoints = Checkpoints::new(&path).every(Span::Epochs(100));
        let failed = trainer().checkpoint(checkpoints).minimize(failing).unwrap();
        assert_eq!(failed.stop, StopReason::Failed(Failing::torn(at)));
        assert_eq!((failed.steps, failed.history.len()), (at, records));
        assert_eq!(failed.epochs, (at - 1) / 3);
        let continued = trainer().resume(&path).minimize(Failing::default()).unwrap();
        assert_eq!(continued.resumed.as_ref().map(|from| from.step), Some(at));
        assert_eq!(bits(&continued), bits(&whole), "{every:?}, failed at {at}");
    }
}

/// Where nothing has been done there is nothing to give back.
#[test]
fn before_the_first_step_it_is_an_error() {
    let failing = Failing {
        at_step: Some(0),
        ..Failing::default()
    };
    let error = Trainer::new(Adam::new()).epochs(1).minimize(failing).unwrap_err();
    assert_eq!(error, Failing::torn(0));
}
