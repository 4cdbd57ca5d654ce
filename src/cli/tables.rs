//! Figures as aligned tables for a terminal.

use crate::figures::{Figures, per_1000};

/// Rows of cells under a head; the first column is set left, the others right.
#[derive(Debug, Clone)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Starts a table. Every row must have as many cells as its head.
    pub fn new<const COLUMNS: usize>(head: [&str; COLUMNS]) -> Self {
        Table { rows: vec![head.map(str::to_owned).to_vec()] }
    }

    /// Adds a row.
    pub fn row<const COLUMNS: usize>(&mut self, cells: [String; COLUMNS]) {
        debug_assert_eq!(self.rows[0].len(), COLUMNS);
        self.rows.push(cells.into());
    }

    /// The table as lines of text.
    pub fn render(&self) -> String {
        let width = |text: &String| text.chars().count();
        let widths: Vec<usize> = (0..self.rows[0].len())
            .map(|column| self.rows.iter().map(|row| width(&row[column])).max().unwrap_or_default())
            .collect();
        let line = |row: &Vec<String>| {
            let pad = |(column, (cell, &width)): (usize, (&String, &usize))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            };
            let cells: Vec<String> = row.iter().zip(&widths).enumerate().map(pad).collect();
            cells.join("  ").trim_end().to_owned() + "\n"
        };
        self.rows.iter().map(line).collect()
    }
}

/// What stands where there is no figure.
pub const NONE: &str = "–";

/// A number of events in a thousand.
pub fn rate(per_1000: Option<f64>) -> String {
    per_1000.map_or_else(|| NONE.to_owned(), |rate| format!("{rate:.1}"))
}

/// A number between -1 and 1, or a loss.
pub fn coefficient(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| format!("{value:.4}"))
}

/// A share as a percentage.
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| NONE.to_owned(), |share| format!("{:.1} %", share * 100.0))
}

/// Every figure in a row of its own, the two an owner feels first. `interval` names what stands beside a figure, if anything does.
pub fn figures(figures: &Figures, interval: impl Fn(&str) -> Option<String>) -> String {
    let Figures { ham, spam, ham_held, spam_approved, ham_in_spam_queue, spam_in_spam_queue, .. } = *figures;
    let count = |part: u64, whole: u64| format!("{part} of {whole}");
    let rows = [
        ("ham held per 1,000", rate(figures.ham_held_per_1000()), count(ham_held, ham)),
        ("spam approved per 1,000", rate(figures.spam_approved_per_1000()), count(spam_approved, spam)),
        ("ham in the spam queue per 1,000", rate(per_1000(ham_in_spam_queue, ham)), count(ham_in_spam_queue, ham)),
        ("spam in the spam queue per 1,000", rate(per_1000(spam_in_spam_queue, spam)), count(spam_in_spam_queue, spam)),
        ("MCC at probability 0.5", coefficient(figures.mcc), String::new()),
        ("AUC", coefficient(figures.auc), String::new()),
        ("spam caught at 0.5 % ham held", percent(figures.spam_caught_at_half_percent_held), String::new()),
        ("spam caught at 1 % ham held", percent(figures.spam_caught_at_one_percent_held), String::new()),
        ("log loss", coefficient(figures.log_loss), String::new()),
        ("calibration error", coefficient(figures.calibration_error), String::new()),
    ];
    let with_intervals = rows.iter().any(|(name, ..)| interval(name).is_some());
    if with_intervals {
        let mut table = Table::new(["", "figure", "95 % interval", "rows"]);
        for (name, figure, count) in rows {
            table.row([name.to_owned(), figure, interval(name).unwrap_or_default(), count]);
        }
        table.render()
    } else {
        let mut table = Table::new(["", "figure", "rows"]);
        for (name, figure, count) in rows {
            table.row([name.to_owned(), figure, count]);
        }
        table.render()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_also_beyond_ascii() {
        let mut table = Table::new(["source", "rows"]);
        table.row(["Bäckerei".to_owned(), "7".to_owned()]);
        table.row(["x".to_owned(), "1234".to_owned()]);
        assert_eq!(table.render(), "source    rows\nBäckerei     7\nx         1234\n");
    }
}
