//! Two evaluations side by side, as tables for a terminal.

use crate::evaluate::{Compared, Comparison, Figure, Standing};

use super::evaluation::bounds;
use super::tables::{self, Table};

/// The comparison of what `a` and `b` name: how many sources are won, and which ones are not tied.
pub fn render(comparison: &Comparison, a: &str, b: &str) -> String {
    let mut tallies = Table::new(["", "won", "tied", "lost", "mean of A", "mean of B"]);
    for tally in &comparison.tallies {
        let write =
            |value: Option<f64>| value.map_or_else(|| tables::NONE.to_owned(), |value| write(tally.figure, value));
        tallies.row([
            tally.figure.name().to_owned(),
            tally.won.to_string(),
            tally.tied.to_string(),
            tally.lost.to_string(),
            write(tally.mean_a),
            write(tally.mean_b),
        ]);
    }
    [
        format!("A  {a}\nB  {b}\n{} sources with the same rows in both\n\n", comparison.sources),
        tallies.render(),
        "won: B is better than A. tied: the difference could be chance, as at least one figure lies within the other's 95 % interval\n"
            .to_owned(),
        differences(comparison),
        not_compared("in one report only", &comparison.only_in_one),
        not_compared("other rows in A than in B", &comparison.other_rows),
    ]
    .concat()
}

fn differences(comparison: &Comparison) -> String {
    let mut table = Table::new(["source", "figure", "B", "of A", "95 %", "of B", "95 %"]);
    let mut any = false;
    for tally in &comparison.tallies {
        for Compared { source, a, b, a_interval, b_interval, standing } in &tally.sources {
            let standing = match standing {
                Standing::Tied => continue,
                Standing::Won => "won",
                Standing::Lost => "lost",
            };
            any = true;
            let digits = digits(tally.figure);
            table.row([
                source.clone(),
                tally.figure.name().to_owned(),
                standing.to_owned(),
                write(tally.figure, *a),
                bounds(*a_interval, digits),
                write(tally.figure, *b),
                bounds(*b_interval, digits),
            ]);
        }
    }
    if any { format!("\n{}", table.render()) } else { String::new() }
}

fn not_compared(why: &str, sources: &[String]) -> String {
    if sources.is_empty() { String::new() } else { format!("\nnot compared, {why}: {}\n", sources.join(", ")) }
}

fn digits(figure: Figure) -> usize {
    match figure {
        Figure::HamHeldPer1000 | Figure::SpamApprovedPer1000 => 1,
        Figure::Mcc | Figure::Auc => 4,
    }
}

fn write(figure: Figure, value: f64) -> String {
    let digits = digits(figure);
    format!("{value:.digits$}")
}
