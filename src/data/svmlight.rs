//! Files of svmlight and libsvm.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;
use ndarray::Array1;

use super::{Csr, Samples};
use crate::{Error, Scalar};

/// Reads the text format of svmlight and libsvm, plain or compressed by gzip, line by line.
///
/// A line is a label and entries, `index:value`, by ascending index; what follows a `#` is a comment:
///
/// ```text
/// +1 3:0.5 17:1   # the first sample
/// -1 1:2
/// ```
///
/// | setting | default |
/// |---|---|
/// | [`zero_based`](SvmLight::zero_based) | indices count from 1, as the format says |
/// | [`columns`](SvmLight::columns) | as many as the largest index asks for |
/// | [`ignore_query_ids`](SvmLight::ignore_query_ids) | a `qid:` is refused |
///
/// ```
/// use downhill::data::SvmLight;
///
/// let samples = SvmLight::new().read::<f64>("+1 3:0.5 17:1 # first\n-1 1:2\n".as_bytes(), "an example")?;
/// assert_eq!(samples.inputs.columns(), 17);
/// assert_eq!(samples.inputs.row(0), (&[2, 16][..], &[0.5, 1.0][..]));
/// assert_eq!(samples.labels.to_vec(), [1.0, -1.0]);
/// // For a classifier: the label −1 is class 0, 1 is class 1.
/// assert_eq!(samples.classes().0.to_vec(), [1, 0]);
/// # Ok::<(), downhill::Error>(())
/// ```
///
/// Source: T. Joachims, *SVMlight* (1999); C.-C. Chang and C.-J. Lin, *LIBSVM* (2011).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct SvmLight {
    columns: Option<usize>,
    zero_based: bool,
    ignore_query_ids: bool,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled<F> {
    /// The entries, one row a sample.
    pub inputs: Csr<F>,
    /// The label of each sample, as it stands: a number to be predicted, or the name of a class.
    pub labels: Array1<F>,
}

impl<F: Scalar> Labelled<F> {
    /// The class of each sample, counted from 0 in ascending order of the labels, and the label of each class.
    pub fn classes(&self) -> (Array1<usize>, Vec<F>) {
        let mut names = self.labels.to_vec();
        names.sort_by(|a, b| a.to_f64_exact().total_cmp(&b.to_f64_exact()));
        names.dedup();
        let class = |&label: &F| names.partition_point(|&name| name < label);
        (self.labels.iter().map(class).collect(), names)
    }
}

/// A label and the entries of one line.
pub type Sample<F> = (F, Vec<(usize, F)>);

impl SvmLight {
    /// With the defaults of the table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Indices count from 0. Default: from 1.
    pub fn zero_based(mut self) -> Self {
        self.zero_based = true;
        self
    }

    /// Sets the number of columns, so that a test set is as wide as its training set; a larger index is an error.
    pub fn columns(mut self, columns: usize) -> Self {
        self.columns = Some(columns);
        self
    }

    /// Reads past the `qid:` of ranking data. Default: it is an error, since this crate does not rank.
    pub fn ignore_query_ids(mut self) -> Self {
        self.ignore_query_ids = true;
        self
    }

    /// Reads a file, which may be compressed by gzip whatever its name.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, and as [`SvmLight::read`].
    pub fn read_file<F: Scalar>(self, path: impl AsRef<Path>) -> Result<Labelled<F>, Error> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|error| Error::io(path, "read", &error))?;
        self.read(file, &path.display().to_string())
    }

    /// Reads a stream, which may be compressed by gzip; `name` is what errors call it.
    ///
    /// # Errors
    /// [`Error::Malformed`] with the number of the line that is not in the format, [`Error::Io`] if the stream breaks off,
    /// [`Error::InvalidArgument`] for more than 2³² columns.
    pub fn read<F: Scalar>(self, stream: impl Read, name: &str) -> Result<Labelled<F>, Error> {
        // While it is read, there are as many columns as there can be.
        let mut inputs = Csr::new(u32::MAX as usize)?;
        let mut labels = Vec::new();
        let mut columns = self.columns.unwrap_or(0);
        for sample in self.samples(stream, name) {
            let (label, entries) = sample?;
            columns = columns.max(entries.last().map_or(0, |(column, _)| column + 1));
            inputs.push(entries)?;
            labels.push(label);
        }
        inputs.set_columns(columns);
        Ok(Labelled {
            inputs,
            labels: Array1::from_vec(labels),
        })
    }

    /// The samples of a stream one by one, for data that do not fit in memory. Ends after the first error.
    pub fn samples<'a, F: Scalar>(
        self,
        stream: impl Read + 'a,
        name: &'a str,
    ) -> impl Iterator<Item = Result<Sample<F>, Error>> + 'a {
        let mut lines = Lines {
            reader: decompressed(stream),
            name,
            number: 0,
            line: Vec::new(),
        };
        let mut over = false;
        std::iter::from_fn(move || {
            if over {
                return None;
            }
            let next = lines.next_sample(self);
            over = !matches!(next, Ok(Some(_)));
            next.transpose()
        })
    }

    /// Writes samples so that the same settings read them again to the bit.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] unless there is one label for each row, [`Error::Io`] if the stream refuses.
    pub fn write<F: Scalar>(
        self,
        mut stream: impl Write,
        inputs: &Csr<F>,
        labels: &Array1<F>,
    ) -> Result<(), Error> {
        if inputs.rows() != labels.len() {
            return Err(Error::shape("labels", &[labels.len()], &[inputs.rows()]));
        }
        let first = usize::from(!self.zero_based);
        let mut write = || {
            for ((columns, values), label) in inputs.view().iter().zip(labels) {
                write!(stream, "{label}")?;
                for (&column, value) in columns.iter().zip(values) {
                    write!(stream, " {}:{value}", column as usize + first)?;
                }
                writeln!(stream)?;
            }
            stream.flush()
        };
        write().map_err(|error| Error::io(Path::new("the stream"), "written", &error))
    }
}

/// The stream itself, or what it holds if it begins as gzip does. What cannot be read now cannot be read later either,
/// and is reported then.
fn decompressed<'a>(stream: impl Read + 'a) -> Box<dyn BufRead + 'a> {
    let mut reader = BufReader::new(stream);
    let compressed = reader
        .fill_buf()
        .is_ok_and(|bytes| bytes.starts_with(&[0x1f, 0x8b]));
    if compressed {
        Box::new(BufReader::new(MultiGzDecoder::new(reader)))
    } else {
        Box::new(reader)
    }
}

struct Lines<'a> {
    reader: Box<dyn BufRead + 'a>,
    name: &'a str,
    number: usize,
    line: Vec<u8>,
}

impl Lines<'_> {
    /// The next line that is not empty, as a sample.
    fn next_sample<F: Scalar>(&mut self, settings: SvmLight) -> Result<Option<Sample<F>>, Error> {
        loop {
            self.line.clear();
            let read = self.reader.read_until(b'\n', &mut self.line);
            if read.map_err(|error| Error::io(Path::new(self.name), "read", &error))? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let text =
                std::str::from_utf8(&self.line).map_err(|error| self.malformed(error, "text in UTF-8"))?;
            let content = text.split('#').next().unwrap_or_default();
            let mut words = content.split_ascii_whitespace();
            if let Some(label) = words.next() {
                return self.sample(label, words, settings).map(Some);
            }
        }
    }

    fn sample<'w, F: Scalar>(
        &self,
        label: &str,
        words: impl Iterator<Item = &'w str>,
        settings: SvmLight,
    ) -> Result<Sample<F>, Error> {
        let label = self.number_in(label, "a label, one finite number")?;
        let mut entries: Vec<(usize, F)> = Vec::new();
        for word in words {
            let Some((index, value)) = word.split_once(':') else {
                return Err(self.malformed(word, "index:value"));
            };
            if index == "qid" {
                if settings.ignore_query_ids {
                    continue;
                }
                return Err(self.malformed(word, "no query id, unless they are ignored"));
            }
            let column = self.column(index, settings)?;
            if let Some((last, _)) = entries.last()
                && *last >= column
            {
                return Err(self.malformed(word, "indices that ascend"));
            }
            entries.push((column, self.number_in(value, "a value that is a finite number")?));
        }
        Ok((label, entries))
    }

    fn number_in<F: Scalar>(&self, word: &str, expected: &str) -> Result<F, Error> {
        let number = word.parse::<f64>().ok().map(F::of);
        number
            .filter(|number| number.is_finite())
            .ok_or_else(|| self.malformed(word, expected))
    }

    fn column(&self, word: &str, settings: SvmLight) -> Result<usize, Error> {
        let first = usize::from(!settings.zero_based);
        let limit = settings.columns.unwrap_or(u32::MAX as usize);
        let column = word
            .parse::<usize>()
            .ok()
            .and_then(|index| index.checked_sub(first));
        column.filter(|&column| column < limit).ok_or_else(|| {
            let expected = format!("an index from {first} to {}", (limit + first).saturating_sub(1));
            self.malformed(word, expected)
        })
    }

    fn malformed(&self, given: impl ToString, expected: impl Into<String>) -> Error {
        Error::malformed(self.name, format!("line {}", self.number), given, expected)
    }
}
