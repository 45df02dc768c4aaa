//! Arrays that stay on disk: the same bits as in memory, and bad files as typed errors.
#![cfg(feature = "npy")]

use std::path::PathBuf;

use downhill::{
    data::{MappedNpy, Order},
    ndarray::{Array1, Array2, Ix1, Ix2},
    prelude::*,
};
use ndarray_npy::write_npy;

/// A file of this name among those of this build.
fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn data() -> (Array2<f32>, Array1<f32>) {
    let inputs = Array2::from_shape_fn((50, 3), |(i, j)| ((7 * i + 3 * j) % 11) as f32 / 11.0);
    let targets = inputs.column(0).mapv(|x| 3.0 * x - 1.0);
    (inputs, targets)
}

#[test]
fn a_mapped_file_trains_to_the_bits_of_memory() {
    let (inputs, targets) = data();
    let paths = (file("bits_inputs.npy"), file("bits_targets.npy"));
    write_npy(&paths.0, &inputs).unwrap();
    write_npy(&paths.1, &targets).unwrap();
    let mapped = (
        MappedNpy::open(&paths.0).unwrap(),
        MappedNpy::open(&paths.1).unwrap(),
    );
    let model = Linear::new(3, 1).unwrap();
    for order in [Order::Sequential, Order::Shuffled] {
        let fit = |data: &Dataset<'_, f32, Array2<f32>, Array1<f32>>| {
            let trainer = Trainer::new(Adam::new()).batch(8).order(order).epochs(3);
            trainer.fit(&model, &MeanSquaredError, data).unwrap().params
        };
        let expected = fit(&Dataset::new(&inputs, &targets).unwrap());
        let views = || (mapped.0.view().unwrap(), mapped.1.view().unwrap());
        let checked = Dataset::new(views().0, views().1).unwrap();
        let unread = Dataset::assume_finite(views().0, views().1).unwrap();
        assert_eq!(fit(&checked).as_slice(), expected.as_slice());
        assert_eq!(fit(&unread).as_slice(), expected.as_slice());
    }
}

/// Column by column on disk, and yet the same matrix.
#[test]
fn a_file_in_fortran_order_trains_to_the_bits_of_memory() {
    let (inputs, targets) = data();
    let path = file("fortran.npy");
    let columns = inputs.t().as_standard_layout().into_owned().reversed_axes();
    write_npy(&path, &columns).unwrap();
    let header = std::fs::read(&path).unwrap();
    assert!(String::from_utf8_lossy(&header).contains("'fortran_order': True"));
    let mapped = MappedNpy::open(&path).unwrap();
    let view = mapped.view::<f32, Ix2>().unwrap();
    assert!(view == inputs && !view.is_standard_layout());
    let fit = |data: &Dataset<'_, f32, Array2<f32>, Array1<f32>>| {
        let trainer = Trainer::new(Adam::new()).batch(8).epochs(3);
        trainer
            .fit(&Linear::new(3, 1).unwrap(), &MeanSquaredError, data)
            .unwrap()
            .params
    };
    // Rows that are gathered for a shuffled batch lie as always.
    assert_eq!(
        fit(&Dataset::new(view, targets.view()).unwrap()),
        fit(&Dataset::new(&inputs, &targets).unwrap())
    );
}

#[test]
fn a_nan_in_a_file_is_found_at_once_or_at_its_step() {
    let (mut inputs, targets) = data();
    inputs[[33, 1]] = f32::NAN;
    let path = file("nan.npy");
    write_npy(&path, &inputs).unwrap();
    let mapped = MappedNpy::open(&path).unwrap();
    let view = || mapped.view::<f32, Ix2>().unwrap();
    let error = Dataset::<f32, Array2<f32>, Array1<f32>>::new(view(), targets.view()).unwrap_err();
    assert!(matches!(error, Error::NotFinite { position: 100, .. }), "{error}");
    let data: Dataset<'_, f32, Array2<f32>, Array1<f32>> =
        Dataset::assume_finite(view(), targets.view()).unwrap();
    let run = Trainer::new(Adam::new())
        .batch(8)
        .order(Order::Sequential)
        .epochs(1)
        .fit(&Linear::new(3, 1).unwrap(), &MeanSquaredError, &data)
        .unwrap();
    assert!(
        matches!(run.stop, StopReason::NonFinite { step: 4, .. }),
        "{:?}",
        run.stop
    );
    assert!(run.params.is_finite());
}

#[test]
fn assumed_data_still_have_to_fit() {
    let (inputs, targets) = data();
    let pair = |rows: usize, labels: usize| {
        let rows = inputs.slice(downhill::ndarray::s![..rows, ..]);
        let targets = targets.slice(downhill::ndarray::s![..labels]);
        Dataset::<f32, Array2<f32>, Array1<f32>>::assume_finite(rows, targets).map(|data| data.len())
    };
    assert_eq!(pair(50, 50), Ok(50));
    assert!(matches!(pair(50, 49), Err(Error::ShapeMismatch { .. })));
    assert!(matches!(pair(0, 0), Err(Error::Empty { .. })));
}

#[test]
fn bad_files_are_typed_errors() {
    let good = file("good.npy");
    write_npy(&good, &data().0).unwrap();
    let bytes = std::fs::read(&good).unwrap();
    let error = |name: &str, bytes: &[u8]| {
        let path = file(name);
        std::fs::write(&path, bytes).unwrap();
        MappedNpy::open(&path).unwrap().view::<f32, Ix2>().unwrap_err()
    };
    let mut longer = bytes.clone();
    longer.extend([0; 4]);
    let mut later = bytes.clone();
    later[6] = 9;
    // As a machine of the other endianness writes it.
    let mut swapped = bytes.clone();
    let order = swapped.iter().position(|byte| b"<>".contains(byte)).unwrap();
    swapped[order] ^= b'<' ^ b'>';
    for (name, bytes, place) in [
        ("empty.npy", &b""[..], "header"),
        ("text.npy", b"1.0, 2.0, 3.0\n4.0, 5.0, 6.0\n", "header"),
        ("cut_header.npy", &bytes[..20], "header"),
        ("cut_data.npy", &bytes[..bytes.len() - 1], "data"),
        ("longer.npy", &longer, "data"),
        ("later_version.npy", &later, "header"),
        ("swapped.npy", &swapped, "header"),
    ] {
        match error(name, bytes) {
            Error::Malformed {
                source_name,
                place: found,
                ..
            } => {
                assert!(source_name.ends_with(name));
                assert_eq!(found, place, "{name}");
            }
            other => panic!("{name}: {other}"),
        }
    }
    let mapped = MappedNpy::open(&good).unwrap();
    let axes = mapped.view::<f32, Ix1>().unwrap_err().to_string();
    assert!(axes.contains("an array with 1 axes"), "{axes}");
    let elements = mapped.view::<f64, Ix2>().unwrap_err().to_string();
    assert!(
        elements.contains("elements of the type that was asked for"),
        "{elements}"
    );
    let missing = MappedNpy::open(file("missing.npy")).unwrap_err();
    assert!(
        matches!(
            missing,
            Error::Io {
                kind: std::io::ErrorKind::NotFound,
                ..
            }
        ),
        "{missing}"
    );
}
