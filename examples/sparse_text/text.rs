//! The texts, and what is counted in them: see `examples/data/README.md`.

use std::error::Error;

use downhill::{
    data::{Csr, FeatureHasher},
    ndarray::Array1,
};

/// Every fourth article of the declaration, in all languages, is for the test.
const TEST_ARTICLES: usize = 4;
/// Sequences of up to so many characters are counted.
const LONGEST: usize = 4;
const COLUMNS: usize = 1 << 17;

/// Paragraphs as hashed counts of short sequences of characters, and the number of each one's language.
pub(crate) struct Texts {
    pub(crate) inputs: Csr<f32>,
    pub(crate) labels: Array1<usize>,
}

/// The paragraphs for the training and those for the test, and the names of the languages.
pub(crate) fn load() -> Result<(Texts, Texts, Vec<&'static str>), Box<dyn Error>> {
    let hasher = FeatureHasher::new(COLUMNS)?;
    let (mut train, mut test) = (Csr::new(COLUMNS)?, Csr::new(COLUMNS)?);
    let (mut train_labels, mut test_labels) = (Vec::new(), Vec::new());
    let mut languages = Vec::new();
    for line in include_str!("../data/declaration.tsv").lines() {
        let mut cells = line.splitn(3, '\t');
        let (Some(language), Some(article), Some(text)) = (cells.next(), cells.next(), cells.next()) else {
            return Err(format!("not a language, an article and a text: {line:?}").into());
        };
        if languages.last() != Some(&language) {
            languages.push(language);
        }
        let (rows, labels) = if article.parse::<usize>()? % TEST_ARTICLES == TEST_ARTICLES - 1 {
            (&mut test, &mut test_labels)
        } else {
            (&mut train, &mut train_labels)
        };
        rows.push(features(text, &hasher))?;
        labels.push(languages.len() - 1);
    }
    let texts = |inputs, labels| Texts {
        inputs,
        labels: Array1::from_vec(labels),
    };
    Ok((texts(train, train_labels), texts(test, test_labels), languages))
}

/// Each sequence of characters counts `1/√n` in a text of n sequences, so that long texts do not outweigh short ones.
fn features(text: &str, hasher: &FeatureHasher) -> Vec<(usize, f32)> {
    let characters: Vec<char> = format!(" {} ", text.to_lowercase()).chars().collect();
    let sequences = (1..=LONGEST).flat_map(|length| characters.windows(length));
    let sequences: Vec<String> = sequences.map(|window| window.iter().collect()).collect();
    let value = (sequences.len() as f32).sqrt().recip();
    sequences.iter().map(|name| hasher.entry(name, value)).collect()
}
