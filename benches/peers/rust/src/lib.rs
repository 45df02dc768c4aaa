//! What the Rust peers share: the protocol, and the data that all peers read.
//!
//! A peer is a program that reads one [`Case`] a line from standard input, as JSON, and answers with one line: the seconds
//! it took, or that it has no such thing. The parameters at the end go to a file, so that one program can compute the
//! final loss of all peers alike.

use std::{
    collections::HashMap,
    error::Error,
    io::{BufRead, Write},
    path::{Path, PathBuf},
    rc::Rc,
};

use downhill::ndarray::{Array1, Array2};
use ndarray_npy::{ReadableElement, read_npy, write_npy};

/// What a peer is asked to do. `../cases.py` has the list.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Case {
    /// `step`, `logistic`, `network`, `sparse` or `tiny`.
    pub work: String,
    /// `sgd`, `momentum`, `adagrad`, `rmsprop` or `adam`.
    pub rule: String,
    /// `f32` or `f64`.
    pub dtype: String,
    /// The learning rate.
    pub rate: f64,
    /// Rows in a batch; 0 for all.
    #[serde(default)]
    pub batch: usize,
    /// Passes over the data.
    #[serde(default)]
    pub epochs: u64,
    /// Updates, where there are no data.
    #[serde(default)]
    pub steps: u64,
    /// Weights, where there are no data.
    #[serde(default)]
    pub weights: usize,
    /// Which of the ways that a peer has.
    #[serde(default)]
    pub variant: String,
    /// The loss at which to stop, where that is what is measured.
    #[serde(default)]
    pub until: Option<f64>,
    /// Where the data are.
    pub data: PathBuf,
    /// Where the parameters go.
    pub out: PathBuf,
}

/// What came of a case: the seconds it took and the parameters at the end; `None` if the peer has no such thing.
pub type Answer = Result<Option<(f64, Vec<f64>)>, Box<dyn Error>>;

/// Answers case after case until the input ends.
pub fn serve(mut answer: impl FnMut(&Case) -> Answer) -> Result<(), Box<dyn Error>> {
    for line in std::io::stdin().lock().lines() {
        let case: Case = serde_json::from_str(&line?)?;
        let reply = match answer(&case)? {
            Some((seconds, params)) => {
                write_npy(&case.out, &Array1::from_vec(params))?;
                serde_json::json!({ "seconds": seconds })
            }
            None => serde_json::json!({ "unsupported": true }),
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{reply}")?;
        out.flush()?;
    }
    Ok(())
}

/// Arrays that are read once.
#[derive(Default)]
pub struct Files {
    matrices: HashMap<PathBuf, Rc<Array2<f32>>>,
    vectors: HashMap<PathBuf, Rc<Array1<f32>>>,
}

impl Files {
    /// A matrix of the data.
    pub fn matrix(&mut self, folder: &Path, name: &str) -> Result<Rc<Array2<f32>>, Box<dyn Error>> {
        let path = folder.join(name);
        if !self.matrices.contains_key(&path) {
            self.matrices.insert(path.clone(), Rc::new(read_npy(&path)?));
        }
        Ok(self.matrices[&path].clone())
    }

    /// A vector of the data.
    pub fn vector(&mut self, folder: &Path, name: &str) -> Result<Rc<Array1<f32>>, Box<dyn Error>> {
        let path = folder.join(name);
        if !self.vectors.contains_key(&path) {
            self.vectors.insert(path.clone(), Rc::new(read_npy(&path)?));
        }
        Ok(self.vectors[&path].clone())
    }
}

/// A vector of the data with elements of another type.
pub fn vector<T: ReadableElement>(folder: &Path, name: &str) -> Result<Array1<T>, Box<dyn Error>> {
    Ok(read_npy(folder.join(name))?)
}

/// The ranges of rows that an epoch goes through, in order.
pub fn batches(rows: usize, batch: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let batch = if batch == 0 { rows } else { batch };
    (0..rows).step_by(batch).map(move |start| start..(start + batch).min(rows))
}
