//! An evaluation as tables for a terminal.

use std::collections::BTreeMap;

use crate::evaluate::{AcrossSources, CalibrationBin, HamHeld, Interval, Intervals, LeftOut, Measured, Part, Report};

use super::evaluate::Evaluation;
use super::tables::{self, Table};

/// Everything that was found, most important first; with a table of calibration if asked for.
pub fn render(evaluation: &Evaluation, calibration: bool) -> String {
    let report = &evaluation.report;
    let all = &report.overall.figures;
    [
        format!(
            "{}\n{} ham and {} spam in {} groups of near-duplicates{}\n\n",
            judged_by(evaluation),
            all.ham,
            all.spam,
            report.near_duplicate_groups,
            skipped(report.skipped_rows)
        ),
        tables::figures(all, |name| main_interval(&report.intervals, name)),
        format!(
            "intervals: {} resamples of the groups, fixed seed; log loss and calibration at even base rates\n\n",
            report.intervals.replicates
        ),
        sources(&report.by_source),
        across(&report.across_sources),
        website(report),
        left_out(&report.left_out, &evaluation.not_left_out),
        parts("language", &report.by_lang),
        parts("topic", &report.by_topic),
        folds(&report.by_fold),
        if calibration { bins(&report.calibration) } else { String::new() },
    ]
    .concat()
}

/// What judged, in words.
pub fn judged_by(evaluation: &Evaluation) -> String {
    match (&evaluation.model, evaluation.folds) {
        (Some(id), _) => format!("model {id}"),
        (None, Some(folds)) => format!("{folds} models, each judging the fold it was not trained on"),
        (None, None) => {
            let models = evaluation.report.left_out.len();
            format!("{models} model{}, each judging a source it was not trained on", if models == 1 { "" } else { "s" })
        }
    }
}

fn main_interval(intervals: &Intervals, name: &str) -> Option<String> {
    match name {
        "ham held per 1,000" => intervals.ham_held_per_1000.map(|i| bounds(i, 1)),
        "spam approved per 1,000" => intervals.spam_approved_per_1000.map(|i| bounds(i, 1)),
        "MCC at probability 0.5" => intervals.mcc.map(|i| bounds(i, 4)),
        "AUC" => intervals.auc.map(|i| bounds(i, 4)),
        _ => None,
    }
}

fn skipped(rows: u64) -> String {
    if rows == 0 { String::new() } else { format!("; {rows} unreadable rows skipped") }
}

/// An interval as text, with so many digits after the point.
pub fn bounds(interval: Interval, digits: usize) -> String {
    format!("{:.digits$} to {:.digits$}", interval.low, interval.high)
}

fn optional_bounds(interval: Option<Interval>) -> String {
    interval.map_or_else(|| tables::NONE.to_owned(), |interval| bounds(interval, 1))
}

fn sources(by_source: &BTreeMap<String, Part>) -> String {
    let head = ["source", "ham", "spam", "ham held/1,000", "95 %", "spam approved/1,000", "95 %", "MCC", "AUC"];
    let mut table = Table::new(head);
    for (name, Part { measured, intervals, .. }) in by_source {
        table.row([
            name.clone(),
            measured.figures.ham.to_string(),
            measured.figures.spam.to_string(),
            tables::rate(measured.ham_held_per_1000),
            optional_bounds(intervals.ham_held_per_1000),
            tables::rate(measured.spam_approved_per_1000),
            optional_bounds(intervals.spam_approved_per_1000),
            tables::coefficient(measured.figures.mcc),
            tables::coefficient(measured.figures.auc),
        ]);
    }
    table.render() + "\n"
}

fn across(across: &AcrossSources) -> String {
    let mut table = Table::new(["over sources", "mean", "worst", "sources", "worst source"]);
    let rows = [
        ("ham held per 1,000", &across.ham_held_per_1000, tables::rate as fn(Option<f64>) -> String),
        ("spam approved per 1,000", &across.spam_approved_per_1000, tables::rate),
        ("MCC at probability 0.5", &across.mcc, tables::coefficient),
        ("AUC", &across.auc, tables::coefficient),
        ("spam caught at 0.5 % ham held", &across.spam_caught_at_half_percent_held, tables::percent),
        ("calibration error", &across.calibration_error, tables::coefficient),
    ];
    let mut several = false;
    for (name, figure, write) in rows {
        let Some(figure) = figure else { continue };
        several |= figure.sources > 1;
        table.row([
            name.to_owned(),
            write(Some(figure.mean)),
            write(Some(figure.worst)),
            figure.sources.to_string(),
            figure.worst_source.clone(),
        ]);
    }
    if !several {
        return String::new();
    }
    let note =
        format!("sources with at least {} rows of each label that the figure is made of\n\n", AcrossSources::FEWEST);
    table.render() + &note
}

fn website(report: &Report) -> String {
    let columns = [
        "honest authors with a website",
        "ham",
        "held/1,000",
        "95 %",
        "without: ham",
        "held/1,000",
        "95 %",
        "with held more often",
    ];
    let mut table = Table::new(columns);
    let all = ("all".to_owned(), &report.website);
    let by_source = report.by_source.iter().map(|(name, part)| (name.clone(), &part.website));
    let comparable: Vec<_> = by_source.chain([all]).filter(|(_, website)| website.held_more_often.is_some()).collect();
    if comparable.is_empty() {
        return String::new();
    }
    for (name, website) in comparable {
        let cells =
            |held: &HamHeld| [held.ham.to_string(), tables::rate(held.per_1000), optional_bounds(held.interval)];
        let [with, held_with, interval_with] = cells(&website.with);
        let [without, held_without, interval_without] = cells(&website.without);
        let more_often = if website.held_more_often == Some(true) { "yes" } else { "no" };
        table.row([
            name,
            with,
            held_with,
            interval_with,
            without,
            held_without,
            interval_without,
            more_often.to_owned(),
        ]);
    }
    table.render() + "more often: each rate lies outside the other's interval\n\n"
}

fn left_out(left_out: &[LeftOut], not_left_out: &[(String, u64)]) -> String {
    if left_out.is_empty() {
        return String::new();
    }
    let mut table = Table::new(["left out", "rows", "near-duplicates kept out", "rows trained on"]);
    for LeftOut { sources, rows, near_duplicates, trained_on } in left_out {
        table.row([sources.join(" + "), rows.to_string(), near_duplicates.to_string(), trained_on.to_string()]);
    }
    let always: Vec<String> = not_left_out.iter().map(|(source, rows)| format!("{source} ({rows} rows)")).collect();
    let always = if always.is_empty() { String::new() } else { format!("always trained on: {}\n", always.join(", ")) };
    table.render() + &always + "\n"
}

fn parts(head: &str, parts: &BTreeMap<String, Measured>) -> String {
    let (large, small): (Vec<_>, Vec<_>) =
        parts.iter().partition(|(_, part)| part.figures.rows() >= Measured::TOLD_FROM_ROWS);
    if large.is_empty() {
        return String::new();
    }
    let mut table = Table::new([head, "ham", "spam", "ham held/1,000", "spam approved/1,000", "MCC", "AUC"]);
    for (name, Measured { ham_held_per_1000, spam_approved_per_1000, figures }) in large {
        table.row([
            name.clone(),
            figures.ham.to_string(),
            figures.spam.to_string(),
            tables::rate(*ham_held_per_1000),
            tables::rate(*spam_approved_per_1000),
            tables::coefficient(figures.mcc),
            tables::coefficient(figures.auc),
        ]);
    }
    let more = match small.len() {
        0 => String::new(),
        more => format!("and {more} of fewer than {} rows each; --json has them\n", Measured::TOLD_FROM_ROWS),
    };
    table.render() + &more + "\n"
}

fn folds(by_fold: &[Measured]) -> String {
    parts("fold", &by_fold.iter().enumerate().map(|(at, fold)| (format!("{:2}", at + 1), fold.clone())).collect())
}

fn bins(bins: &[CalibrationBin]) -> String {
    if bins.is_empty() {
        return "no calibration: it needs ham and spam\n".to_owned();
    }
    let mut table = Table::new(["probability", "promised", "came", "95 %", "ham", "spam"]);
    for bin in bins {
        let number = |value: Option<f64>| value.map_or_else(|| tables::NONE.to_owned(), |value| format!("{value:.3}"));
        table.row([
            format!("{:.1} to {:.1}", bin.from, bin.to),
            number(bin.promised),
            number(bin.came),
            bin.interval.map_or_else(|| tables::NONE.to_owned(), |interval| bounds(interval, 3)),
            bin.ham.to_string(),
            bin.spam.to_string(),
        ]);
    }
    table.render() + "share of spam at even base rates\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comment::Label;
    use crate::evaluate::{Across, Website};
    use crate::figures::Judged;
    use crate::verdict::{LogOdds, ModelId, Thresholds, Verdict};

    fn measured(rows: &[(Label, f64)]) -> Measured {
        let thresholds = Thresholds::new(LogOdds(1.0), LogOdds(4.0)).unwrap();
        let judged =
            |&(label, evidence): &(Label, f64)| Judged { verdict: Verdict::new(LogOdds(evidence), thresholds), label };
        Measured::of(rows.iter().map(judged).collect::<Vec<_>>().iter())
    }

    fn intervals() -> Intervals {
        let interval = |low, high| Some(Interval { low, high });
        Intervals {
            replicates: 1000,
            ham_held_per_1000: interval(0.0, 750.0),
            spam_approved_per_1000: interval(0.0, 750.0),
            mcc: interval(0.2582, 1.0),
            auc: interval(0.6, 1.0),
        }
    }

    fn website() -> Website {
        let held = |ham, ham_held| HamHeld {
            ham,
            ham_held,
            per_1000: Some(1000.0 * ham_held as f64 / ham as f64),
            interval: Some(Interval { low: 0.0, high: 900.0 }),
        };
        Website { with: held(2, 1), without: held(2, 0), held_more_often: Some(false) }
    }

    fn part(rows: &[(Label, f64)]) -> Part {
        Part {
            rows_checksum: "00000000000000ff".to_owned(),
            measured: measured(rows),
            intervals: intervals(),
            website: website(),
        }
    }

    fn evaluation() -> Evaluation {
        use Label::{Ham, Spam};
        let blog = [(Ham, -2.0), (Ham, -1.0), (Ham, 2.0), (Ham, -3.0)];
        let pool = [(Spam, 5.0), (Spam, 0.5), (Spam, 3.0), (Spam, 6.0)];
        let across =
            |mean, worst, source: &str| Some(Across { mean, worst, worst_source: source.to_owned(), sources: 2 });
        Evaluation {
            model: Some(ModelId::from_checksum("0123456789abcdef")),
            folds: None,
            thresholds: Some(Thresholds::new(LogOdds(1.0), LogOdds(4.0)).unwrap()),
            trained_on: Vec::new(),
            not_left_out: Vec::new(),
            report: Report {
                overall: measured(&[blog, pool].concat()),
                intervals: intervals(),
                near_duplicate_groups: 7,
                skipped_rows: 2,
                across_sources: AcrossSources {
                    ham_held_per_1000: across(125.0, 250.0, "blog"),
                    spam_approved_per_1000: across(125.0, 250.0, "pool"),
                    mcc: None,
                    auc: None,
                    spam_caught_at_half_percent_held: None,
                    calibration_error: None,
                },
                website: website(),
                calibration: vec![CalibrationBin {
                    from: 0.1,
                    to: 0.2,
                    ham: 3,
                    spam: 1,
                    promised: Some(0.15),
                    came: Some(0.25),
                    interval: Some(Interval { low: 0.1, high: 0.5 }),
                }],
                by_source: [("blog".to_owned(), part(&blog)), ("pool".to_owned(), part(&pool))].into(),
                by_lang: [("de".to_owned(), measured(&[blog, pool].concat()))].into(),
                by_topic: BTreeMap::new(),
                by_fold: Vec::new(),
                left_out: Vec::new(),
            },
        }
    }

    #[test]
    fn the_report_is_a_table_with_the_two_rates_first() {
        insta::assert_snapshot!(render(&evaluation(), true));
    }

    #[test]
    fn the_json_has_the_names_of_the_schema() {
        insta::assert_json_snapshot!(evaluation());
    }

    #[test]
    fn a_cross_validation_also_shows_its_folds() {
        let mut evaluation = evaluation();
        (evaluation.model, evaluation.folds) = (None, Some(2));
        evaluation.report.by_fold = vec![evaluation.report.overall.clone(); 2];
        let text = render(&evaluation, false);
        assert!(text.starts_with("2 models, each judging the fold it was not trained on\n"), "{text}");
        assert!(text.lines().any(|line| line.starts_with("fold")), "{text}");
    }

    #[test]
    fn sources_left_out_are_told_with_what_was_kept_out_of_training() {
        let mut evaluation = evaluation();
        evaluation.model = None;
        evaluation.not_left_out = vec![("tiny".to_owned(), 3)];
        let left_out = LeftOut { sources: vec!["a".into(), "b".into()], rows: 8, near_duplicates: 2, trained_on: 90 };
        evaluation.report.left_out = vec![left_out];
        let text = render(&evaluation, false);
        assert!(text.starts_with("1 model, each judging a source it was not trained on\n"), "{text}");
        let line = text.lines().find(|line| line.starts_with("a + b")).unwrap();
        assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["a", "+", "b", "8", "2", "90"]);
        assert!(text.contains("always trained on: tiny (3 rows)"), "{text}");
    }
}
