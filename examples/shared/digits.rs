//! Handwritten digits: see `examples/data/README.md`.

use downhill::ndarray::{Array1, Array2};

/// Pixels from 0 to 1, one image a row, and what each shows.
pub(crate) fn load() -> Result<(Array2<f32>, Array1<usize>), Box<dyn std::error::Error>> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for line in include_str!("../data/digits.csv").lines() {
        let mut numbers = line
            .split(',')
            .map(str::parse::<u8>)
            .collect::<Result<Vec<_>, _>>()?;
        let label = numbers.pop().ok_or("an empty line in digits.csv")?;
        labels.push(usize::from(label));
        pixels.extend(numbers.into_iter().map(|pixel| f32::from(pixel) / 16.0));
    }
    Ok((
        Array2::from_shape_vec((labels.len(), 64), pixels)?,
        Array1::from(labels),
    ))
}
