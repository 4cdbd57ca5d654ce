//! What an evaluation keeps of every row: where it stands, what it is called, and how it was judged. Never its text.

use std::collections::HashMap;

use crate::comment::{Label, LabelledComment};
use crate::corpus::Position;
use crate::corpus::near_duplicates::{Fingerprint, Groups};
use crate::figures::Judged;

/// A row before it is judged.
pub(super) struct KnownRow {
    position: Position,
    pub(super) label: Label,
    website: bool,
    source: String,
    lang: String,
    topic: Option<String>,
    fingerprint: Fingerprint,
}

impl KnownRow {
    pub(super) fn of(position: Position, row: &LabelledComment) -> Self {
        KnownRow {
            position,
            label: row.label,
            website: row.comment.author_url.is_some(),
            source: row.source.clone(),
            lang: row.lang().to_owned(),
            topic: row.topic.clone(),
            fingerprint: Fingerprint::of(row),
        }
    }
}

/// All rows, in the order of the files.
#[derive(Default)]
pub(super) struct KnownRows {
    pub(super) positions: Vec<Position>,
    pub(super) labels: Vec<Label>,
    pub(super) websites: Vec<bool>,
    pub(super) sources: Names,
    pub(super) langs: Names,
    pub(super) topics: Names,
    pub(super) fingerprints: Vec<Fingerprint>,
}

impl KnownRows {
    pub(super) fn add(&mut self, row: KnownRow) {
        self.positions.push(row.position);
        self.labels.push(row.label);
        self.websites.push(row.website);
        self.sources.add(row.source);
        self.langs.add(row.lang);
        self.topics.add(row.topic.unwrap_or_default());
        self.fingerprints.push(row.fingerprint);
    }

    pub(super) fn groups(&self) -> Groups {
        Groups::among(&self.fingerprints)
    }

    /// The number of the row at each position.
    pub(super) fn numbers(&self) -> HashMap<Position, usize> {
        self.positions.iter().enumerate().map(|(number, position)| (*position, number)).collect()
    }
}

/// One name for every row, of which there are few different ones.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<String, usize>,
    by_number: Vec<String>,
    pub(super) of_rows: Vec<usize>,
}

impl Names {
    fn add(&mut self, name: String) {
        let next = self.by_number.len();
        let number = *self.numbers.entry(name).or_insert_with_key(|name| {
            self.by_number.push(name.clone());
            next
        });
        self.of_rows.push(number);
    }

    pub(super) fn name(&self, number: usize) -> &str {
        &self.by_number[number]
    }

    pub(super) fn of_row(&self, row: usize) -> &str {
        self.name(self.of_rows[row])
    }

    /// Every name with its number of rows, in alphabetical order.
    pub(super) fn sizes(&self) -> Vec<(&str, u64)> {
        let mut sizes = vec![0; self.by_number.len()];
        for &number in &self.of_rows {
            sizes[number] += 1;
        }
        let mut sizes: Vec<(&str, u64)> = self.by_number.iter().map(String::as_str).zip(sizes).collect();
        sizes.sort_unstable();
        sizes
    }
}

/// A row with its verdict.
#[derive(Debug, Clone)]
pub struct JudgedRow {
    /// Where it stands.
    pub position: Position,
    /// The name of its source.
    pub source: String,
    /// The verdict and the label.
    pub judged: Judged,
    /// By how much the evidence exceeds the threshold it was held against, in log-odds; held if above 0. Rows that were judged
    /// by different models can be ranked by it together.
    pub margin: f64,
    /// The turn of cross-validation or leaving out in which it was judged, counted from 0; 0 if a single model judged all.
    pub turn: usize,
    /// Its number in the corpus.
    pub(super) number: usize,
}
