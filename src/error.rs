//! The one error type of the crate.

/// What can go wrong, each with the argument it is about, what was given and what was expected.
///
/// Bad input is refused before the first step of a run; a run that has begun ends with a
/// [`StopReason`](crate::StopReason) instead.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A number or setting outside its legal range.
    #[error("{argument} is {given}, but must be {expected}")]
    InvalidArgument {
        /// The argument, as it is called in the interface.
        argument: String,
        /// The value that was given.
        given: String,
        /// What would have been accepted.
        expected: String,
    },
    /// A hyperparameter that is set for a step, by a schedule or by hand, and that the optimiser does not have.
    #[error("{hyperparameter} is set for the optimiser {optimizer:?}, which has none")]
    NotRead {
        /// The hyperparameter: "momentum", "beta2", "weight_decay".
        hyperparameter: &'static str,
        /// The name of the optimiser.
        optimizer: String,
    },
    /// Two things that belong together differ in shape.
    #[error("{argument} has shape {given:?}, but {expected:?} was expected")]
    ShapeMismatch {
        /// The argument, as it is called in the interface.
        argument: String,
        /// The shape that was given.
        given: Vec<usize>,
        /// The shape that was expected.
        expected: Vec<usize>,
    },
    /// A data set or an array without elements.
    #[error("{argument} is empty")]
    Empty {
        /// The argument, as it is called in the interface.
        argument: String,
    },
    /// An array with a NaN or an infinity in it.
    #[error("{argument} has the non-finite value {given} at position {position}")]
    NotFinite {
        /// The argument, as it is called in the interface.
        argument: String,
        /// Where the first such value stands, counted in memory order.
        position: usize,
        /// The value.
        given: f64,
    },
    /// A class label for which the model has no output.
    #[error("targets has the label {given} in row {row}, but the model has {classes} outputs: labels run from 0 to {}", .classes.saturating_sub(1))]
    LabelOutOfRange {
        /// The row of the label.
        row: usize,
        /// The label.
        given: usize,
        /// The number of classes.
        classes: usize,
    },
    /// A parameter name that is not in the layout, or a pattern that matches none.
    #[error("no parameter is called or matched by {given:?}; there are: {}", .known.join(", "))]
    UnknownParameter {
        /// The name or pattern that was given.
        given: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A parameter name used twice in one layout.
    #[error("the parameter name {name:?} is already in the layout")]
    DuplicateParameter {
        /// The name.
        name: String,
    },
    /// Parameters, gradient or state that were made for something else.
    #[error("{argument} was made for {given}, but is used with {expected}")]
    Foreign {
        /// The argument, as it is called in the interface.
        argument: String,
        /// What it was made for.
        given: String,
        /// What it is used with.
        expected: String,
    },
    /// The operating system refused to read or write.
    #[error("{path} could not be {action}: {message}")]
    Io {
        /// The file.
        path: String,
        /// What was tried: "read", "written", "renamed".
        action: &'static str,
        /// What kind of refusal it was.
        kind: std::io::ErrorKind,
        /// What the system says.
        message: String,
    },
    /// A stream that does not give the batch that is wanted.
    #[error("batch {number} of the stream: {message}")]
    Stream {
        /// The number of the batch, counted from 0.
        number: u64,
        /// Why it is not there: what the source reports, its end, a panic.
        message: String,
    },
    /// A file, a stream or a saved state that is not what it should be.
    #[error("{source_name}, {place}: found {given}, but expected {expected}")]
    Malformed {
        /// The file or stream.
        source_name: String,
        /// Where in it: "line 3", "byte 128", the name of an entry.
        place: String,
        /// What was found.
        given: String,
        /// What was expected.
        expected: String,
    },
}

impl Error {
    pub(crate) fn invalid(
        argument: impl Into<String>,
        given: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Error::InvalidArgument {
            argument: argument.into(),
            given: given.to_string(),
            expected: expected.into(),
        }
    }

    /// The same error about an argument that goes by another name here.
    pub(crate) fn about(mut self, name: &str) -> Self {
        if let Error::InvalidArgument { argument, .. } = &mut self
            && argument == "learning_rate"
        {
            *argument = name.into();
        }
        self
    }

    pub(crate) fn shape(argument: impl Into<String>, given: &[usize], expected: &[usize]) -> Self {
        Error::ShapeMismatch {
            argument: argument.into(),
            given: given.to_vec(),
            expected: expected.to_vec(),
        }
    }

    #[allow(dead_code, reason = "only some features read or write files")]
    pub(crate) fn io(path: &std::path::Path, action: &'static str, error: &std::io::Error) -> Self {
        Error::Io {
            path: path.display().to_string(),
            action,
            kind: error.kind(),
            message: error.to_string(),
        }
    }

    pub(crate) fn malformed(
        source_name: impl Into<String>,
        place: impl Into<String>,
        given: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Error::Malformed {
            source_name: source_name.into(),
            place: place.into(),
            given: given.to_string(),
            expected: expected.into(),
        }
    }

    /// What the source of a stream reports: an error of this type as it is.
    pub(crate) fn stream(number: u64, failure: Box<dyn std::error::Error + Send + Sync>) -> Self {
        match failure.downcast::<Error>() {
            Ok(error) => *error,
            Err(other) => Error::Stream {
                number,
                message: other.to_string(),
            },
        }
    }

    pub(crate) fn empty(argument: impl Into<String>) -> Self {
        Error::Empty {
            argument: argument.into(),
        }
    }
}

/// Checks of hyperparameters, shared by every builder.
pub(crate) mod check {
    use ndarray::ArrayView1;

    use super::Error;

    pub(crate) fn require(
        holds: bool,
        argument: &str,
        given: impl ToString,
        expected: &str,
    ) -> Result<(), Error> {
        if holds {
            Ok(())
        } else {
            Err(Error::invalid(argument, given, expected))
        }
    }

    /// Every label is below the number of classes, or is the one that is passed over.
    pub(crate) fn labels(
        labels: &ArrayView1<'_, usize>,
        classes: usize,
        ignored: Option<usize>,
    ) -> Result<(), Error> {
        let bad = |(_, label): &(usize, &usize)| **label >= classes && Some(**label) != ignored;
        match labels.iter().enumerate().find(bad) {
            Some((row, &given)) => Err(Error::LabelOutOfRange { row, given, classes }),
            None => Ok(()),
        }
    }

    /// Any number but an infinity or NaN.
    pub(crate) fn finite(argument: &str, given: f64) -> Result<(), Error> {
        require(given.is_finite(), argument, given, "finite")
    }

    /// All of them.
    pub(crate) fn all_finite<const N: usize>(argument: &str, given: [f64; N]) -> Result<(), Error> {
        given.into_iter().try_for_each(|number| finite(argument, number))
    }

    /// A count.
    pub(crate) fn at_least_one(argument: &str, given: impl Into<u64>) -> Result<(), Error> {
        let given = given.into();
        require(given > 0, argument, given, "at least 1")
    }

    /// Finite and at least zero.
    pub(crate) fn non_negative(argument: &str, given: f64) -> Result<(), Error> {
        require(
            given >= 0.0 && given.is_finite(),
            argument,
            given,
            "finite and at least 0",
        )
    }

    /// Finite and above zero, if it is given.
    pub(crate) fn positive(argument: &str, given: impl Into<Option<f64>>) -> Result<(), Error> {
        let given = given.into().unwrap_or(1.0);
        let positive = given > 0.0 && given.is_finite();
        require(positive, argument, given, "finite and above 0")
    }

    /// Above zero; an infinity is.
    pub(crate) fn above_zero(argument: &str, given: f64) -> Result<(), Error> {
        require(given > 0.0, argument, given, "above 0")
    }

    /// In [0, 1].
    pub(crate) fn share(argument: &str, given: f64) -> Result<(), Error> {
        require((0.0..=1.0).contains(&given), argument, given, "from 0 to 1")
    }

    /// In (0, 1).
    pub(crate) fn inside_share(argument: &str, given: f64) -> Result<(), Error> {
        let inside = given > 0.0 && given < 1.0;
        require(inside, argument, given, "above 0 and below 1")
    }

    /// Finite and above one.
    pub(crate) fn above_one(argument: &str, given: f64) -> Result<(), Error> {
        let above = given > 1.0 && given.is_finite();
        require(above, argument, given, "finite and above 1")
    }

    /// Finite and at most zero.
    pub(crate) fn at_most_zero(argument: &str, given: f64) -> Result<(), Error> {
        let below = given <= 0.0 && given.is_finite();
        require(below, argument, given, "finite and at most 0")
    }

    /// In [0, 1), if it is given: a decay rate of a moving average.
    pub(crate) fn below_one(argument: &str, given: impl Into<Option<f64>>) -> Result<(), Error> {
        let given = given.into().unwrap_or(0.0);
        let inside = (0.0..1.0).contains(&given);
        require(inside, argument, given, "at least 0 and below 1")
    }
}
