//! Bad input is refused with an error that names the argument, what was given and what was expected.

mod data;
mod optimizers;
mod rules;
mod runs;

use downhill::Error;

/// Asserts that a call failed, with the variant that is named, and that the message has each of these parts.
#[track_caller]
pub(crate) fn refused<T>(result: Result<T, Error>, variant: &str, parts: &[&str]) {
    let Err(error) = result else {
        panic!("accepted, though {parts:?}")
    };
    assert!(
        format!("{error:?}").starts_with(variant),
        "{error:?} is not {variant}"
    );
    for part in parts {
        assert!(error.to_string().contains(part), "{error} does not say {part:?}");
    }
}
