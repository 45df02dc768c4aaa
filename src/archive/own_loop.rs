//! A loop of one's own in a file: the weights, and what its optimiser remembers.

use std::path::Path;

use super::{Archive, MEMO, STATE, write};
use crate::{Error, Layout, Memo, Params, Scalar};

/// A tensor in a file: its name, its shape, and where its values are.
pub(crate) type Entry<'a, F> = (String, Vec<usize>, &'a mut [F]);

/// The name of a tensor that an optimiser keeps for a parameter.
pub(crate) fn memory_name(buffer: &str, parameter: &str) -> String {
    format!("{STATE}optimizer/{buffer}/{parameter}")
}

/// Refuses names of parameters that mean something else in a file.
pub(crate) fn check_free(layout: &Layout) -> Result<(), Error> {
    for spec in layout.tensors() {
        for prefix in [MEMO, STATE] {
            if spec.name().starts_with(prefix) {
                let expected = format!("not beginning with {prefix:?}, which a checkpoint needs");
                return Err(Error::invalid("the name of a parameter", spec.name(), expected));
            }
        }
    }
    Ok(())
}

/// All entries as one vector of zeros.
pub(crate) fn room<F: Scalar>(entries: &[Entry<'_, F>]) -> Result<Params<F>, Error> {
    let mut layout = Layout::new();
    for (name, shape, _) in entries {
        layout.add(name, shape.as_slice())?;
    }
    Ok(Params::zeros(&layout))
}

/// Writes settings (which must agree when it is read), a memo and tensors.
pub(crate) fn save<F: Scalar>(
    path: &Path,
    settings: Memo,
    mut memo: Memo,
    entries: Vec<Entry<'_, F>>,
) -> Result<(), Error> {
    memo.put_part("settings", settings);
    let mut all = room(&entries)?;
    let mut rest = all.as_mut_slice();
    for (_, _, values) in entries {
        if let Some(place) = rest.split_off_mut(..values.len()) {
            place.copy_from_slice(values);
        }
    }
    write(path, &all, &memo)
}

/// Fills the tensors from a file; before, everything is checked.
pub(crate) fn load<F: Scalar>(archive: &Archive, entries: Vec<Entry<'_, F>>) -> Result<(), Error> {
    let mut all = room(&entries)?;
    archive.check_names(all.layout())?;
    archive.fill(&mut all)?;
    let mut rest = all.as_slice();
    for (_, _, values) in entries {
        if let Some(saved) = rest.split_off(..values.len()) {
            values.copy_from_slice(saved);
        }
    }
    Ok(())
}
