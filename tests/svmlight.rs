//! Files of svmlight and libsvm, and hashed features.
#![cfg(feature = "sparse")]

use std::io::{Read, Write};
use std::path::PathBuf;

use downhill::data::{Csr, FeatureHasher, Labelled, Order, SvmLight};
use downhill::ndarray::{Array1, array};
use downhill::objective::StreamRisk;
use downhill::prelude::*;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

fn read(text: &str) -> Result<Labelled<f64>, Error> {
    SvmLight::new().read(text.as_bytes(), "a file")
}

#[test]
fn comments_blank_lines_and_rows_without_entries_are_part_of_the_format() {
    let text = "# a header\n\n+1 1:0.5 4:-2e-1 # why\r\n-1\n3.5 2:7 #";
    let samples = read(text).unwrap();
    assert_eq!(samples.labels, array![1.0, -1.0, 3.5]);
    assert_eq!(
        samples.inputs.to_dense(),
        array![[0.5, 0.0, 0.0, -0.2], [0.0; 4], [0.0, 7.0, 0.0, 0.0]]
    );
    let (classes, names) = samples.classes();
    assert_eq!((classes, names), (array![1, 0, 2], vec![-1.0, 1.0, 3.5]));
}

#[test]
fn a_comment_may_be_in_any_encoding() {
    let samples = SvmLight::new()
        .read::<f64>(&b"1 1:1 # gr\xf6\xdfe\n"[..], "a file")
        .unwrap();
    assert_eq!(samples.inputs.entries(), 1);
}

#[test]
fn values_in_single_precision_are_rounded_once() {
    let text = "1 1:7.038531e-26";
    let samples = SvmLight::new().read::<f32>(text.as_bytes(), "a file").unwrap();
    assert_eq!(samples.inputs.row(0).1[0].to_bits(), 0x15ae_43fd);
}

#[test]
fn indices_count_from_one_or_from_zero_and_columns_may_be_given() {
    let zero = SvmLight::new().zero_based();
    let samples = zero.read::<f32>("1 0:5 2:6".as_bytes(), "a file").unwrap();
    assert_eq!(samples.inputs.row(0), (&[0, 2][..], &[5.0, 6.0][..]));
    let samples = zero
        .columns(10)
        .read::<f32>("1 0:5".as_bytes(), "a file")
        .unwrap();
    assert_eq!(samples.inputs.columns(), 10);
    assert_eq!(read("").unwrap().inputs.rows(), 0);
}

#[test]
fn query_ids_are_refused_or_ignored() {
    let text = "2 qid:7 1:1";
    assert!(read(text).is_err());
    let samples = SvmLight::new()
        .ignore_query_ids()
        .read::<f64>(text.as_bytes(), "a file")
        .unwrap();
    assert_eq!(samples.inputs.entries(), 1);
}

#[test]
fn what_is_not_in_the_format_is_an_error_with_its_line() {
    for (text, given) in [
        ("1 1:1\none 1:1", "one"),
        ("1\n1 1", "1"),
        ("1\n1 1:", ""),
        ("1\n1 :1", ""),
        ("1\n1 0:1", "0"),
        ("1\n1 -3:1", "-3"),
        ("1\n1 2:1 2:1", "2:1"),
        ("1\n1 2:1 1:1", "1:1"),
        ("1\n1 2:nan", "nan"),
        ("1\n1 2:1e999", "1e999"),
        ("1\ninf 2:1", "inf"),
        ("1\n1,2 2:1", "1,2"),
        ("1\n1 99999999999999999999:1", "99999999999999999999"),
        ("1\n1 qid:1 1:1", "qid:1"),
    ] {
        let Err(Error::Malformed {
            source_name,
            place,
            given: found,
            ..
        }) = read(text)
        else {
            panic!("{text:?} is malformed");
        };
        assert_eq!(
            (source_name.as_str(), place.as_str(), found.as_str()),
            ("a file", "line 2", given)
        );
    }
    let error = SvmLight::new()
        .columns(4)
        .read::<f32>("1 5:1".as_bytes(), "a file")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "a file, line 1: found 5, but expected an index from 1 to 4"
    );
    let error = SvmLight::new()
        .read::<f32>(&b"1 1:1\n\xff"[..], "a file")
        .unwrap_err();
    assert!(matches!(error, Error::Malformed { place, .. } if place == "line 2"));
    // Beyond f32, though not beyond f64.
    assert!(
        SvmLight::new()
            .read::<f32>("1 1:1e300".as_bytes(), "a file")
            .is_err()
    );
}

#[test]
fn files_may_be_compressed() {
    let text = "1 1:0.25\n-1 3:2\n";
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (plain, packed) = (folder.join("plain.svm"), folder.join("packed.svm"));
    std::fs::write(&plain, text).unwrap();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    let bytes = encoder.finish().unwrap();
    std::fs::write(&packed, &bytes).unwrap();
    let expected = read(text).unwrap();
    assert_eq!(SvmLight::new().read_file::<f64>(&plain).unwrap(), expected);
    assert_eq!(SvmLight::new().read_file::<f64>(&packed).unwrap(), expected);
    // Cut short, and not there at all.
    std::fs::write(&packed, &bytes[..bytes.len() - 9]).unwrap();
    for path in [packed, folder.join("missing.svm")] {
        let error = SvmLight::new().read_file::<f64>(&path).unwrap_err();
        assert!(matches!(error, Error::Io { action: "read", .. }), "{error}");
    }
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Gives a byte at a time, as a pipe may.
struct Dripping<'a>(&'a [u8]);

impl Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let few = buffer.len().min(1);
        self.0.read(&mut buffer[..few])
    }
}

#[test]
fn a_stream_may_come_byte_by_byte_and_in_several_members() {
    let expected = read("1 1:0.25\n-1 3:2\n").unwrap();
    // The second member begins within a line.
    let members = [packed("1 1:0.25\n-1 "), packed("3:2\n")].concat();
    for bytes in [&b"1 1:0.25\n-1 3:2\n"[..], &members] {
        let samples = SvmLight::new().read::<f64>(Dripping(bytes), "a pipe").unwrap();
        assert_eq!(samples, expected);
    }
    for (bytes, rows) in [(&b""[..], 0), (b"1", 1), (b"\n", 0), (b"1\n", 1)] {
        let samples = SvmLight::new().read::<f64>(Dripping(bytes), "a pipe").unwrap();
        assert_eq!(samples.inputs.rows(), rows);
    }
}

#[test]
fn a_stream_that_fails_at_once_is_an_error_of_reading() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("torn"))
        }
    }
    let error = SvmLight::new().read::<f64>(Broken, "a pipe").unwrap_err();
    assert!(matches!(error, Error::Io { action: "read", .. }), "{error}");
}

#[test]
fn there_are_columns_for_32_bits() {
    let wide = SvmLight::new().zero_based();
    for columns in [1 << 32, usize::MAX] {
        let error = wide
            .columns(columns)
            .read::<f32>(&b"1 1:1"[..], "a file")
            .unwrap_err();
        assert!(matches!(error, Error::InvalidArgument { argument, .. } if argument == "columns"));
        assert!(Csr::<f32>::new(columns).is_err());
        let index = wide
            .columns(columns)
            .samples::<f32, _>(&b"1 4294967295:1"[..], "a file")
            .next()
            .unwrap();
        assert!(matches!(index, Err(Error::Malformed { place, .. }) if place == "line 1"));
    }
    let widest = wide.read::<f32>(&b"1 4294967294:1"[..], "a file").unwrap();
    assert_eq!(widest.inputs.columns(), u32::MAX as usize);
}

/// A file of this name among those of this build.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Seven rows of columns 0 to 29.
const ROWS: &str = "1 1:1 30:2\n0 2:1\n1 3:0.5 4:1\n\n0\n1 1:2 # five\n0 7:1 9:1\n1 30:-1\n";

#[test]
fn a_compressed_file_trains_as_a_stream_to_the_bits_of_memory() {
    let path = file("stream.svm.gz", &packed(ROWS));
    let format = SvmLight::new().columns(30);
    let samples = format.read_file::<f64>(&path).unwrap();
    let data = Dataset::new(&samples.inputs, &samples.labels).unwrap();
    let (model, loss) = (Linear::new(30, 1).unwrap(), BinaryCrossEntropy::new());
    let trainer = || Trainer::new(Adam::new()).learning_rate(0.1).epochs(5);
    let expected = trainer()
        .batch(3)
        .order(Order::Sequential)
        .fit(&model, &loss, &data)
        .unwrap();
    let stream = || format.stream_file::<f64>(&path, 3).unwrap();
    for stream in [stream(), stream().prefetch(2), stream().prefetch(9)] {
        let run = trainer()
            .minimize(StreamRisk::new(&model, &loss, stream, 3))
            .unwrap();
        assert_eq!(run.params, expected.params);
        assert_eq!((run.steps, run.best.value), (15, expected.best.value));
    }
}

#[test]
fn batches_of_a_file_are_found_by_number() {
    let path = file("numbers.svm", ROWS.as_bytes());
    let open = || SvmLight::new().columns(30).stream_file::<f64>(&path, 3).unwrap();
    let labels = [array![1.0, 0.0, 1.0], array![0.0, 1.0, 0.0], array![1.0]];
    for mut stream in [open(), open().prefetch(2)] {
        for number in [0, 1, 2, 3, 1, 1, 11, 7, 30, 0] {
            let (inputs, found) = stream.batch(number).unwrap();
            assert_eq!(found, labels[number as usize % 3], "batch {number}");
            assert_eq!((inputs.rows(), inputs.columns()), (found.len(), 30));
        }
    }
}

#[test]
fn a_file_that_cannot_be_streamed_says_why() {
    let path = file("bad.svm", b"1 1:1\n0 2:1\n1 3:one\n");
    let format = SvmLight::new().columns(30);
    let mut stream = format.stream_file::<f64>(&path, 1).unwrap().prefetch(2);
    assert!(stream.batch(1).is_ok());
    // Asked again, it is read again.
    for _ in 0..2 {
        let error = stream.batch(2).unwrap_err();
        assert!(matches!(error, Error::Malformed { place, .. } if place == "line 3"));
        assert_eq!(stream.batch(0).unwrap().1, array![1.0]);
    }
    let empty = file("empty.svm", b"# nothing\n");
    let error = format
        .stream_file::<f64>(&empty, 1)
        .unwrap()
        .batch(0)
        .unwrap_err();
    assert!(matches!(error, Error::Empty { .. }), "{error}");
    let refused = |format: SvmLight, rows| format.stream_file::<f64>(&path, rows).unwrap_err();
    for error in [
        refused(format, 0),
        refused(SvmLight::new(), 1),
        refused(format.columns(usize::MAX), 1),
    ] {
        assert!(matches!(error, Error::InvalidArgument { .. }), "{error}");
    }
    let missing = format
        .stream_file::<f64>(path.with_extension("missing"), 1)
        .unwrap_err();
    assert!(matches!(missing, Error::Io { .. }), "{missing}");
}

#[test]
fn samples_come_one_by_one_until_the_first_error() {
    let text = "1 1:1\n2 2:2\nthree\n4 4:4\n";
    let mut samples = SvmLight::new().samples::<f64, _>(text.as_bytes(), "a stream");
    assert_eq!(samples.next().unwrap().unwrap(), (1.0, vec![(0, 1.0)]));
    assert_eq!(samples.next().unwrap().unwrap(), (2.0, vec![(1, 2.0)]));
    assert!(samples.next().unwrap().is_err());
    assert!(samples.next().is_none());
}

#[test]
fn one_label_for_each_row_is_written() {
    let error = SvmLight::new()
        .write(Vec::new(), &Csr::<f64>::new(3).unwrap(), &array![1.0])
        .unwrap_err();
    assert!(matches!(error, Error::ShapeMismatch { .. }));
}

/// scikit-learn 1.9.1: `FeatureHasher(n_features=…, input_type="string").transform([[name]])`.
#[test]
fn features_are_hashed_as_scikit_learn_does() {
    for (name, in_a_million, in_a_thousand, sign) in [
        ("", 0, 0, 1.0),
        ("a", 354_738, 850, 1.0),
        ("ab", 10_401, 305, -1.0),
        ("abc", 158_726, 294, -1.0),
        ("abcd", 878_442, 978, 1.0),
        ("the quick brown fox", 805_876, 996, 1.0),
        ("größe", 813_505, 705, -1.0),
        ("日本語", 757_097, 417, -1.0),
        ("x=1", 708_864, 888, 1.0),
    ] {
        for (columns, expected) in [(1 << 20, in_a_million), (1000, in_a_thousand)] {
            let hasher = FeatureHasher::new(columns).unwrap();
            assert_eq!(hasher.entry(name, 2.0), (expected, 2.0 * sign), "{name:?}");
            assert_eq!(hasher.unsigned().entry(name, 2.0), (expected, 2.0));
        }
    }
    for columns in [0, 1 << 31] {
        assert!(matches!(
            FeatureHasher::new(columns),
            Err(Error::InvalidArgument { .. })
        ));
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again_to_the_bit(
        rows in prop::collection::vec(
            (-1e6_f64..1e6, prop::collection::btree_map(0_usize..1000, prop::num::f64::NORMAL, 0..8)),
            0..20,
        ),
        zero_based: bool,
    ) {
        let mut inputs = Csr::<f64>::new(1000).unwrap();
        for (_, row) in &rows {
            inputs.push(row.iter().map(|(&column, &value)| (column, value))).unwrap();
        }
        let labels: Array1<f64> = rows.iter().map(|(label, _)| *label).collect();
        let format = SvmLight::new().columns(1000);
        let format = if zero_based { format.zero_based() } else { format };
        let mut text = Vec::new();
        format.write(&mut text, &inputs, &labels).unwrap();
        prop_assert_eq!(format.read::<f64>(&text[..], "written").unwrap(), Labelled { inputs, labels });
    }

    /// Whatever the bytes, there is an answer or a typed error.
    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[-+0-9:.# eq\n]{0,80}") {
        let _ = SvmLight::new().read::<f32>(&bytes[..], "noise");
        let _ = SvmLight::new().zero_based().read::<f64>(text.as_bytes(), "noise");
        let packed = [&[0x1f, 0x8b][..], &bytes].concat();
        prop_assert!(SvmLight::new().read::<f32>(&packed[..], "noise").is_err());
    }
}
