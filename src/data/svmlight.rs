//! Files of svmlight and libsvm.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Chain, Cursor, Read, Write},
    path::{Path, PathBuf},
};

use flate2::bufread::MultiGzDecoder;
use ndarray::Array1;

use super::{Csr, Samples, Stream};
use crate::{Error, Scalar, error::check};

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

/// Some rows with their labels: a batch of [`SvmLight::stream_file`].
pub type LabelledRows<F> = (Csr<F>, Array1<F>);

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

    /// Sets the number of columns, below 2³², so that a test set is as wide as its training set; a larger index is an error.
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
    /// [`Error::InvalidArgument`] for more than 2³² − 1 columns.
    pub fn read<F: Scalar>(self, stream: impl Read, name: &str) -> Result<Labelled<F>, Error> {
        // Where they are not known, there are as many columns as there can be while it is read.
        let mut inputs = Csr::new(self.columns.unwrap_or(MOST_COLUMNS))?;
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

    /// The batches of a file, `rows` to each, as a stream for a [`StreamRisk`](crate::objective::StreamRisk): for data that do
    /// not fit in memory. The last batch of a pass over the file is short, and after it comes the next pass: with as many
    /// batches to an epoch, each epoch is one. The number of columns has to be [set](SvmLight::columns).
    ///
    /// A run that is continued in the middle reads past what it has had. What stands in a file read once stands in it every
    /// time: it must not change in between.
    ///
    /// ```
    /// use downhill::{data::{Csr, SvmLight}, loss::BinaryCrossEntropy, model::Linear, objective::StreamRisk, optim::Adagrad};
    /// use downhill::Trainer;
    ///
    /// # let folder = std::env::temp_dir().join(format!("downhill-svmlight-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # let path = folder.join("clicks.svm");
    /// std::fs::write(&path, "1 3:1 17:1\n0 4:1 18:1\n1 3:1 90:1\n")?;
    /// let columns = 1 << 20;
    /// let clicks = SvmLight::new().columns(columns).stream_file::<f32>(&path, 2)?;
    ///
    /// // Three rows, two to a batch: an epoch is two batches.
    /// let (model, loss) = (Linear::new(columns, 1)?, BinaryCrossEntropy::new());
    /// let risk = StreamRisk::new(&model, &loss, clicks.prefetch(4), 2);
    /// let run = Trainer::new(Adagrad::new()).learning_rate(0.5).epochs(50).minimize(risk)?;
    /// assert!(run.best.value < 0.1);
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for 0 rows and for columns that are not set or more than 2³² − 1, [`Error::Io`] if the file
    /// cannot be opened. The stream gives [`Error::Empty`] for a file without samples, and else what [`SvmLight::read`] does.
    pub fn stream_file<F: Scalar>(
        self,
        path: impl Into<PathBuf>,
        rows: usize,
    ) -> Result<Stream<'static, LabelledRows<F>>, Error> {
        check::require(rows > 0, "rows", rows, "at least 1")?;
        let Some(columns) = self.columns else {
            return Err(Error::invalid("columns", "not set", "the same for every batch"));
        };
        Csr::<F>::new(columns)?;
        let path = path.into();
        let open = move || {
            let file = File::open(&path).map_err(|error| Error::io(&path, "read", &error))?;
            let name = path.display().to_string();
            Ok::<_, Error>((self.samples::<F, _>(file, &name), name))
        };
        // Where the file is open, and the number of the batch that comes next.
        let mut place = Some((open()?, 0));
        Ok(Stream::new(
            move |number, (inputs, labels): &mut LabelledRows<F>| {
                let ((mut file, mut next), mut fresh) = match place.take() {
                    Some(place) if place.1 <= number => (place, false),
                    _ => ((open()?, 0), true),
                };
                while next <= number {
                    inputs.clear(columns);
                    let mut read = std::mem::take(labels).into_raw_vec_and_offset().0;
                    read.clear();
                    for sample in file.0.by_ref().take(rows) {
                        let (label, entries) = sample?;
                        inputs.push(entries)?;
                        read.push(label);
                    }
                    *labels = Array1::from_vec(read);
                    if inputs.rows() > 0 {
                        (next, fresh) = (next + 1, false);
                    } else if fresh {
                        return Err(Error::empty(file.1).into());
                    } else {
                        (file, fresh) = (open()?, true);
                    }
                }
                place = Some((file, next));
                Ok(())
            },
        ))
    }

    /// The samples of a stream one by one, for data that do not fit in memory. Ends after the first error. It can be sent to
    /// another thread where the stream can.
    pub fn samples<F: Scalar, R: Read>(
        self,
        stream: R,
        name: &str,
    ) -> impl Iterator<Item = Result<Sample<F>, Error>> + use<F, R> {
        let mut lines = Lines {
            text: Text::Unopened(Some(stream)),
            name: name.into(),
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

    /// Writes samples so that the same settings read them again to the bit. Where [`columns`](SvmLight::columns) is not set, columns
    /// after the last entry of all are not seen again.
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

/// How many columns there can be.
const MOST_COLUMNS: usize = u32::MAX as usize;

/// What gzip begins with.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A stream whose first bytes have been looked at.
type Looked<R> = BufReader<Chain<Cursor<Vec<u8>>, R>>;

/// The text of a stream: itself, or what it holds if it begins as gzip does.
enum Text<R> {
    Unopened(Option<R>),
    Plain(Looked<R>),
    Packed(Box<BufReader<MultiGzDecoder<Looked<R>>>>),
}

impl<R: Read> Text<R> {
    /// Looks at the first bytes, however few come at a time.
    fn open(mut stream: R) -> io::Result<Self> {
        let mut head = Vec::new();
        stream.by_ref().take(MAGIC.len() as u64).read_to_end(&mut head)?;
        let packed = head == MAGIC;
        let whole = BufReader::new(Cursor::new(head).chain(stream));
        Ok(if packed {
            Self::Packed(Box::new(BufReader::new(MultiGzDecoder::new(whole))))
        } else {
            Self::Plain(whole)
        })
    }

    fn read_line(&mut self, line: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Self::Unopened(stream) => match stream.take() {
                Some(stream) => {
                    *self = Self::open(stream)?;
                    self.read_line(line)
                }
                None => Ok(0),
            },
            Self::Plain(text) => text.read_until(b'\n', line),
            Self::Packed(text) => text.read_until(b'\n', line),
        }
    }
}

struct Lines<R> {
    text: Text<R>,
    name: String,
    number: usize,
    line: Vec<u8>,
}

impl<R: Read> Lines<R> {
    /// The next line that is not empty, as a sample.
    fn next_sample<F: Scalar>(&mut self, settings: SvmLight) -> Result<Option<Sample<F>>, Error> {
        loop {
            self.line.clear();
            let read = self.text.read_line(&mut self.line);
            if read.map_err(|error| Error::io(Path::new(&self.name), "read", &error))? == 0 {
                return Ok(None);
            }
            self.number += 1;
            // A comment may be in any encoding.
            let content = self.line.split(|&byte| byte == b'#').next().unwrap_or_default();
            let content =
                std::str::from_utf8(content).map_err(|error| self.malformed(error, "text in UTF-8"))?;
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
        let number = word.parse::<F>().ok();
        number
            .filter(|number| number.is_finite())
            .ok_or_else(|| self.malformed(word, expected))
    }

    fn column(&self, word: &str, settings: SvmLight) -> Result<usize, Error> {
        let first = usize::from(!settings.zero_based);
        let limit = settings.columns.unwrap_or(MOST_COLUMNS).min(MOST_COLUMNS);
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
        Error::malformed(&self.name, format!("line {}", self.number), given, expected)
    }
}
