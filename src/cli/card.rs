//! A model card, readable.

use std::collections::BTreeMap;

use crate::model::{LabelCounts, ModelCard, StrongFeature};
use crate::text::Fields;
use crate::verdict::{LogOdds, ModelId};

use super::tables::{self, Table};

/// What was learned, of what, and how good it is.
pub fn summary(id: &ModelId, card: &ModelCard) -> String {
    let date = card.about.date.as_deref().map_or_else(String::new, |date| format!(", {date}"));
    let fields = match card.fields {
        Fields::All => "text, author, website and the title or address of the post",
        Fields::ContentOnly => "the text alone",
    };
    let LabelCounts { ham, spam } = card.rows;
    let thresholds = card.thresholds;
    [
        format!(
            "model {id}, trained by hamgate {}{date} on {ham} ham and {spam} spam; looks at {fields}\n",
            card.program
        ),
        format!("holds {}, calls it spam {}\n", from(thresholds.hold()), from(thresholds.spam())),
        format!(
            "  (chosen so that at most {} of 1,000 honest comments are held)\n",
            round(card.ham_held_at_most * 1000.0)
        ),
        "\nheld-out figures: every row judged without itself, not without its copies (`evaluate --cv` is stricter)\n"
            .to_owned(),
        tables::figures(&card.held_out, |_| None),
        "\nrows by source\n".to_owned(),
        counts("source", &card.sources),
        weights(&card.source_weights),
        "\nrows by language\n".to_owned(),
        counts("language", &card.languages),
        "\nfeatures by view\n".to_owned(),
        views(card),
    ]
    .concat()
}

/// The files the training read, with their checksums; rows of a split left out did not count.
pub fn files(card: &ModelCard) -> String {
    let mut table = Table::new(["file", "sha256"]);
    for file in &card.about.files {
        table.row([file.name.clone(), file.sha256.clone()]);
    }
    format!("\nfiles read (rows left out, such as those of the split `test`, did not count)\n{}", table.render())
}

/// What speaks loudest for spam and for ham in each view.
pub fn evidence(card: &ModelCard) -> String {
    let mut tables = vec!["\nstrongest evidence by view (log-odds; rows that showed it, weighed)\n".to_owned()];
    for view in &card.views {
        for (class, features) in [("spam", &view.strongest_spam), ("ham", &view.strongest_ham)] {
            if !features.is_empty() {
                tables.push(format!("\n{} for {class}\n{}", view.view, strongest(features)));
            }
        }
    }
    tables.concat()
}

fn strongest(features: &[StrongFeature]) -> String {
    let mut table = Table::new(["", "log-odds", "spam rows", "ham rows"]);
    for feature in features {
        let name = format!("  {}", visible(&feature.name));
        table.row([
            name,
            format!("{:+.2}", feature.log_odds),
            format!("{:.1}", feature.spam_count),
            format!("{:.1}", feature.ham_count),
        ]);
    }
    table.render()
}

/// Features come from strangers' comments, and a control character could steer the terminal.
fn visible(name: &str) -> String {
    name.chars().flat_map(|c| if c.is_control() { c.escape_unicode().collect::<Vec<_>>() } else { vec![c] }).collect()
}

fn counts(head: &str, counts: &BTreeMap<String, LabelCounts>) -> String {
    let mut table = Table::new([head, "ham", "spam"]);
    for (name, LabelCounts { ham, spam }) in counts {
        table.row([visible(name), ham.to_string(), spam.to_string()]);
    }
    table.render()
}

fn weights(weights: &BTreeMap<String, f64>) -> String {
    let line = |(source, factor): (&String, &f64)| format!("rows of `{}` count {factor} times\n", visible(source));
    weights.iter().map(line).collect::<Vec<_>>().concat()
}

fn views(card: &ModelCard) -> String {
    let mut table = Table::new(["view", "buckets in use", "of"]);
    for view in &card.views {
        table.row([view.view.clone(), view.occupied.to_string(), view.buckets.to_string()]);
    }
    table.render()
}

fn from(evidence: LogOdds) -> String {
    format!("from probability {} (log-odds {:.3})", round(evidence.probability().value()), evidence.0)
}

/// At most four digits after the point, and no zeros at the end.
fn round(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}
