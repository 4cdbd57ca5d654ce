//! An evaluation as a page to look at: one HTML file with its pictures in it, that loads nothing and runs nothing.
//!
//! The page is for the owner of the corpus and shows texts of it: those that were judged worst, with the reasons. What a stranger
//! wrote stands in it as text and never as markup (maud escapes whatever it is given), links are not links, and a content security
//! policy in the page forbids a browser to load anything whatever got into it.
//!
//! Colours are those of Okabe and Ito, told apart by readers of every colour vision, and every mark is also labelled.

mod charts;
mod learning;
mod svg;

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::comment::{Comment, Label};
use crate::evaluate::{
    AcrossSources, Curve, HamHeld, Interval, JudgedRow, Measured, Mistake, Outcome, Part, Report, histogram,
};
use crate::figures::Figures;
use crate::verdict::{LogOdds, Thresholds};

pub use learning::{learning_html, learning_svg};

/// Colours, and what is drawn in them.
const CHART_STYLE: &str = include_str!("chart.css");
/// Everything around the pictures.
const PAGE_STYLE: &str = include_str!("style.css");

/// What the page is made of.
#[derive(Debug)]
pub struct Page<'a> {
    /// What judged, in words.
    pub judged_by: String,
    /// Names of the files that were read.
    pub files: Vec<String>,
    /// The thresholds, if one model judged all rows.
    pub thresholds: Option<Thresholds>,
    /// What was found.
    pub outcome: &'a Outcome,
}

/// The page as HTML.
pub fn html(page: &Page<'_>) -> String {
    let report = &page.outcome.report;
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                meta name="robots" content="noindex";
                title { "Hamgate: " (page.judged_by) }
                style { (PreEscaped(CHART_STYLE)) (PreEscaped(PAGE_STYLE)) }
            }
            body {
                (head(page))
                main {
                    (key_figures(report))
                    (trade_off(page))
                    (separation(page))
                    (curves(page))
                    (calibration(report))
                    (sources(report))
                    (website(report))
                    (parts("By language", "language", &report.by_lang))
                    (parts("By topic", "topic", &report.by_topic))
                    (mistakes(page))
                }
                footer {
                    p {
                        "Intervals hold a figure in 95 of 100 draws: " (report.intervals.replicates)
                        " resamples of the groups of near-duplicates. Log loss and calibration are taken at even base rates."
                    }
                    p { "hamgate " (env!("CARGO_PKG_VERSION")) }
                }
            }
        }
    };
    markup.into_string()
}

fn head(page: &Page<'_>) -> Markup {
    const NAMED: usize = 6;
    let report = &page.outcome.report;
    let Figures { ham, spam, .. } = report.overall.figures;
    let more = page.files.len().saturating_sub(NAMED);
    let named = page.files.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    html! {
        header {
            p.brand { "Hamgate · evaluation" }
            h1 { (capitalised(&page.judged_by)) }
            p {
                (thousands(ham)) " honest and " (thousands(spam)) " spam comments in "
                (thousands(report.near_duplicate_groups as u64)) " groups of near-duplicates"
                @if report.skipped_rows > 0 { ", " (thousands(report.skipped_rows)) " unreadable rows skipped" }
            }
            p.files { (named) @if more > 0 { " and " (more) " more files" } }
        }
    }
}

fn key_figures(report: &Report) -> Markup {
    let Report { overall, intervals, .. } = report;
    let figures = &overall.figures;
    let tiles = [
        (
            "Honest comments held, of 1,000",
            rate(overall.ham_held_per_1000),
            intervals.ham_held_per_1000.map(|interval| bounds(interval, 1)),
            "ham",
        ),
        (
            "Spam approved, of 1,000",
            rate(overall.spam_approved_per_1000),
            intervals.spam_approved_per_1000.map(|interval| bounds(interval, 1)),
            "spam",
        ),
        ("Area under the ROC curve", coefficient(figures.auc), intervals.auc.map(|interval| bounds(interval, 3)), ""),
        (
            "Correlation (MCC) at probability 50 %",
            coefficient(figures.mcc),
            intervals.mcc.map(|interval| bounds(interval, 3)),
            "",
        ),
        ("Calibration error at even base rates", coefficient(figures.calibration_error), None, ""),
    ];
    html! {
        section.tiles aria-label="Main figures" {
            @for (name, value, interval, class) in tiles {
                div.tile.(class) {
                    h2 { (name) }
                    p.value { (value) }
                    @if let Some(interval) = interval { p.interval { "95 %: " (interval) } }
                }
            }
        }
    }
}

/// Rows by what they are ranked by where all of them are compared with their thresholds.
fn by_margin(outcome: &Outcome) -> Curve {
    Curve::of(outcome.rows.iter().map(|row| (row.margin, row.judged.label)))
}

fn trade_off(page: &Page<'_>) -> Markup {
    let curve = by_margin(page.outcome);
    if curve.ham == 0 || curve.spam == 0 {
        return html! {};
    }
    let chosen = curve.above(0.0);
    let fewer = chosen.ham.checked_sub(1).map(|ham| chosen.spam - curve.at_most(ham).spam);
    let more = (chosen.ham < curve.ham).then(|| curve.at_most(chosen.ham + 1).spam - chosen.spam);
    html! {
        section {
            h2 { "Held against caught" }
            p.lead {
                "What every threshold would hold and catch. "
                @if let Some(fewer) = fewer {
                    "To hold one honest comment fewer of these " (thousands(curve.ham)) " would let "
                    (plural(fewer, "more spam comment")) " through. "
                }
                @if let Some(more) = more {
                    "To hold one honest comment more would catch " (plural(more, "more spam comment")) "."
                }
            }
            div.pair {
                figure { (charts::trade_off(&curve, chosen)) }
                (ladder(&curve, page.thresholds))
            }
        }
    }
}

/// What other thresholds would hold and approve.
fn ladder(curve: &Curve, thresholds: Option<Thresholds>) -> Markup {
    const SHIFTS: [f64; 9] = [4.0, 2.0, 1.0, 0.5, 0.0, -0.5, -1.0, -2.0, -4.0];
    let per_1000 = |part: u64, whole: u64| 1000.0 * part as f64 / whole as f64;
    let chosen = curve.above(0.0);
    let rungs = SHIFTS.map(|shift| (shift, curve.above(shift)));
    html! {
        table {
            caption { "Stricter thresholds above, looser ones below, in steps of "
                @if thresholds.is_some() { "evidence" } @else { "log-odds" }
                "; differences in single comments" }
            thead {
                tr {
                    th { @if thresholds.is_some() { "hold from" } @else { "moved by" } }
                    th.number { "ham held/1,000" }
                    th.number { "spam approved/1,000" }
                    th.number { "ham" }
                    th.number { "spam" }
                }
            }
            tbody {
                @for (shift, step) in rungs {
                    tr.chosen-row[shift == 0.0] {
                        th scope="row" {
                            @match thresholds {
                                Some(thresholds) => (probability(LogOdds(thresholds.hold().0 + shift).probability().value())),
                                None if shift == 0.0 => "as trained",
                                None => (signed(shift, 1)),
                            }
                            @if shift == 0.0 && thresholds.is_some() { " (chosen)" }
                        }
                        td.number { (format!("{:.1}", per_1000(step.ham, curve.ham))) }
                        td.number { (format!("{:.1}", per_1000(curve.spam - step.spam, curve.spam))) }
                        td.number.ham-text { @if shift != 0.0 { (difference(step.ham, chosen.ham)) } }
                        // What is caught less is approved more.
                        td.number.spam-text { @if shift != 0.0 { (difference(chosen.spam, step.spam)) } }
                    }
                }
            }
        }
    }
}

fn separation(page: &Page<'_>) -> Markup {
    let rows = &page.outcome.rows;
    let (score, title): (fn(&JudgedRow) -> f64, _) = match page.thresholds {
        Some(_) => (|row| row.judged.verdict.evidence.0, "evidence, in log-odds of spam"),
        None => (|row| row.margin, "evidence beyond the threshold, in log-odds"),
    };
    let mut scores: Vec<f64> = rows.iter().map(score).collect();
    scores.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| scores[((scores.len() - 1) as f64 * share) as usize];
    // Whole numbers, with room for the thresholds; the last bars take in what lies beyond.
    let (from, to) = (at(0.002).min(-1.0).floor(), at(0.998).max(1.0).ceil());
    let to = page.thresholds.map_or(to, |thresholds| to.max(thresholds.spam().0.ceil() + 1.0));
    let bars = histogram(rows.iter().map(|row| (score(row), row.judged.label)), from, to, ((to - from) * 2.0) as usize);
    let marks: Vec<charts::Mark> = match page.thresholds {
        Some(thresholds) if thresholds.spam().0 - thresholds.hold().0 > 1.5 => {
            vec![(thresholds.hold().0, "hold"), (thresholds.spam().0, "spam queue")]
        }
        Some(thresholds) => vec![(thresholds.hold().0, "hold")],
        None => vec![(0.0, "hold")],
    };
    html! {
        section {
            h2 { "How well the two are told apart" }
            p.lead {
                "Evidence of every comment. Right of the line comments are held; bars in full colour are held, so those above in full "
                "colour are honest comments that wait, and pale ones below are spam that appears."
            }
            div.pair {
                figure { (charts::histograms(&bars, &marks, title, marks[0].0)) }
                (outcomes(&page.outcome.report.overall.figures))
            }
        }
    }
}

/// Where comments of either kind ended up.
fn outcomes(figures: &Figures) -> Markup {
    let Figures { ham, spam, ham_held, ham_in_spam_queue, spam_approved, spam_in_spam_queue, .. } = *figures;
    let rows = [
        ("approved", ham - ham_held, spam_approved),
        ("held for review", ham_held - ham_in_spam_queue, spam - spam_approved - spam_in_spam_queue),
        ("held as spam", ham_in_spam_queue, spam_in_spam_queue),
    ];
    let of = |part: u64, whole: u64| {
        if whole == 0 { none() } else { format!("{:.1} %", 100.0 * part as f64 / whole as f64) }
    };
    html! {
        table {
            caption { "Where they ended up" }
            thead { tr { th {} th.number { "honest" } th.number {} th.number { "spam" } th.number {} } }
            tbody {
                @for (name, honest, unwanted) in rows {
                    tr {
                        th scope="row" { (name) }
                        td.number.ham-text { (thousands(honest)) } td.number { (of(honest, ham)) }
                        td.number.spam-text { (thousands(unwanted)) } td.number { (of(unwanted, spam)) }
                    }
                }
            }
        }
    }
}

fn curves(page: &Page<'_>) -> Markup {
    let report = &page.outcome.report;
    let rows = page.outcome.rows.iter();
    let curve = Curve::of(rows.map(|row| (row.judged.verdict.evidence.0, row.judged.label)));
    let figures = &report.overall.figures;
    if curve.ham == 0 || curve.spam == 0 {
        return html! {};
    }
    let caught = figures.spam - figures.spam_approved;
    let recall = caught as f64 / figures.spam as f64;
    let held = figures.ham_held as f64 / figures.ham as f64;
    let precision =
        if caught + figures.ham_held == 0 { 1.0 } else { caught as f64 / (caught + figures.ham_held) as f64 };
    html! {
        section {
            h2 { "Over all thresholds" }
            @if page.thresholds.is_none() {
                p.lead { "Several models judged, each at a threshold of its own; their evidence is ranked together here." }
            }
            div.pair {
                figure {
                    (charts::roc(&curve, figures.auc, (held, recall)))
                    figcaption { "Receiver operating characteristic" }
                }
                figure {
                    (charts::precision_recall(&curve, (recall, precision)))
                    figcaption {
                        "Precision and recall at this mix of " (thousands(curve.ham)) " ham and " (thousands(curve.spam))
                        " spam; with another mix precision is another"
                    }
                }
            }
        }
    }
}

fn calibration(report: &Report) -> Markup {
    if report.calibration.is_empty() {
        return html! {};
    }
    html! {
        section {
            h2 { "Can the probability be believed?" }
            p.lead {
                "Where a probability of 80 % is promised, eight in ten should be spam, if there were as much spam as ham. Bars are 95 % intervals."
            }
            div.pair {
                figure { (charts::calibration(&report.calibration)) }
                table {
                    thead {
                        tr {
                            th { "probability" }
                            th.number { "promised" }
                            th.number { "came" }
                            th.number { "95 %" }
                            th.number { "ham" }
                            th.number { "spam" }
                        }
                    }
                    tbody {
                        @for bin in &report.calibration {
                            tr {
                                th scope="row" { (format!("{:.0} to {:.0} %", bin.from * 100.0, bin.to * 100.0)) }
                                td.number { (percent(bin.promised)) }
                                td.number { (percent(bin.came)) }
                                td.number { (bin.interval.map_or_else(none, |i| format!("{:.0} to {:.0} %", i.low * 100.0, i.high * 100.0))) }
                                td.number { (thousands(bin.ham)) }
                                td.number { (thousands(bin.spam)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn sources(report: &Report) -> Markup {
    let most = |interval: fn(&Part) -> Option<Interval>| {
        report.by_source.values().filter_map(interval).map(|interval| interval.high).fold(0.0, f64::max)
    };
    let most_held = most(|part| part.intervals.ham_held_per_1000);
    let most_approved = most(|part| part.intervals.spam_approved_per_1000);
    html! {
        section {
            h2 { "By source" }
            p.lead { "A mean hides the one blog whose readers are held. Dots are rates, bars 95 % intervals, on square-root scales." }
            div.scroll {
                table.sources {
                    thead {
                        tr {
                            th { "source" }
                            th.number { "ham" }
                            th.number { "held/1,000" }
                            th {}
                            th.number { "spam" }
                            th.number { "approved/1,000" }
                            th {}
                            th.number { "MCC" }
                            th.number { "AUC" }
                        }
                    }
                    tbody {
                        @for (name, Part { measured, intervals, .. }) in &report.by_source {
                            tr {
                                th scope="row" { (name) }
                                td.number { (thousands(measured.figures.ham)) }
                                td.number { (rate(measured.ham_held_per_1000)) }
                                td { @if let Some(held) = measured.ham_held_per_1000 {
                                    (charts::whisker("ham", held, intervals.ham_held_per_1000, most_held))
                                } }
                                td.number { (thousands(measured.figures.spam)) }
                                td.number { (rate(measured.spam_approved_per_1000)) }
                                td { @if let Some(approved) = measured.spam_approved_per_1000 {
                                    (charts::whisker("spam", approved, intervals.spam_approved_per_1000, most_approved))
                                } }
                                td.number { (coefficient(measured.figures.mcc)) }
                                td.number { (coefficient(measured.figures.auc)) }
                            }
                        }
                    }
                    (across(&report.across_sources))
                }
            }
        }
    }
}

fn across(across: &AcrossSources) -> Markup {
    let several = across.ham_held_per_1000.as_ref().is_some_and(|across| across.sources > 1)
        || across.spam_approved_per_1000.as_ref().is_some_and(|across| across.sources > 1);
    if !several {
        return html! {};
    }
    let held = across.ham_held_per_1000.as_ref();
    let approved = across.spam_approved_per_1000.as_ref();
    let (mcc, auc) = (across.mcc.as_ref(), across.auc.as_ref());
    html! {
        tfoot {
            tr {
                th scope="row" { "mean over sources" }
                td {}
                td.number { (rate(held.map(|held| held.mean))) }
                td {}
                td {}
                td.number { (rate(approved.map(|approved| approved.mean))) }
                td {}
                td.number { (coefficient(mcc.map(|mcc| mcc.mean))) }
                td.number { (coefficient(auc.map(|auc| auc.mean))) }
            }
            tr {
                th scope="row" { "worst source" }
                td {}
                td.number { (rate(held.map(|held| held.worst))) }
                td.small { (held.map_or("", |held| held.worst_source.as_str())) }
                td {}
                td.number { (rate(approved.map(|approved| approved.worst))) }
                td.small { (approved.map_or("", |approved| approved.worst_source.as_str())) }
                td.number { (coefficient(mcc.map(|mcc| mcc.worst))) }
                td.number { (coefficient(auc.map(|auc| auc.worst))) }
            }
        }
    }
}

fn website(report: &Report) -> Markup {
    let by_source = report.by_source.iter().map(|(name, part)| (name.as_str(), &part.website));
    let rows: Vec<_> =
        by_source.chain([("all", &report.website)]).filter(|(_, website)| website.held_more_often.is_some()).collect();
    if rows.is_empty() {
        return html! {};
    }
    let most = rows.iter().flat_map(|(_, website)| [&website.with, &website.without]);
    let most = most.filter_map(|held| held.interval).map(|interval| interval.high).fold(0.0, f64::max);
    let cells = |held: &HamHeld| {
        html! {
            td.number { (thousands(held.ham)) }
            td.number { (rate(held.per_1000)) }
            td { @if let Some(rate) = held.per_1000 { (charts::whisker("ham", rate, held.interval, most)) } }
        }
    };
    html! {
        section {
            h2 { "Is a website held against its owner?" }
            p.lead { "Honest comments held of 1,000, of authors who gave a website and of authors who did not." }
            div.scroll {
                table.sources {
                    thead {
                        tr {
                            th { "source" }
                            th.number { "with" } th.number { "held/1,000" } th {}
                            th.number { "without" } th.number { "held/1,000" } th {}
                            th { "held more often?" }
                        }
                    }
                    tbody {
                        @for (name, website) in rows {
                            tr {
                                th scope="row" { (name) }
                                (cells(&website.with))
                                (cells(&website.without))
                                td { @if website.held_more_often == Some(true) { strong { "yes" } } @else { "no" } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn parts(title: &str, head: &str, parts: &BTreeMap<String, Measured>) -> Markup {
    let (large, small): (Vec<_>, Vec<_>) =
        parts.iter().partition(|(_, part)| part.figures.rows() >= Measured::TOLD_FROM_ROWS);
    if large.is_empty() {
        return html! {};
    }
    html! {
        section {
            h2 { (title) }
            div.scroll {
                table {
                    thead {
                        tr {
                            th { (head) }
                            th.number { "ham" }
                            th.number { "held/1,000" }
                            th.number { "spam" }
                            th.number { "approved/1,000" }
                            th.number { "MCC" }
                            th.number { "AUC" }
                        }
                    }
                    tbody {
                        @for (name, measured) in &large {
                            tr {
                                th scope="row" { (name) }
                                td.number { (thousands(measured.figures.ham)) }
                                td.number { (rate(measured.ham_held_per_1000)) }
                                td.number { (thousands(measured.figures.spam)) }
                                td.number { (rate(measured.spam_approved_per_1000)) }
                                td.number { (coefficient(measured.figures.mcc)) }
                                td.number { (coefficient(measured.figures.auc)) }
                            }
                        }
                    }
                }
            }
            @if !small.is_empty() {
                p.lead { (plural(small.len() as u64, head)) " of fewer than " (Measured::TOLD_FROM_ROWS) " rows not shown" }
            }
        }
    }
}

fn mistakes(page: &Page<'_>) -> Markup {
    let mistakes = &page.outcome.mistakes;
    html! {
        section.mistakes {
            h2 { "The worst mistakes" }
            p.lead {
                "Texts are shown as they were written and cut where they are long; of those that say nearly the same, one. Every bar is a part of the evidence, to the right for spam, to the "
                "left for ham."
            }
            (list("Honest comments that were held", "ham", &mistakes.ham_held))
            (list("Spam that was approved", "spam", &mistakes.spam_approved))
        }
    }
}

fn list(title: &str, class: &str, mistakes: &[Mistake]) -> Markup {
    html! {
        h3.{ (class) "-text" } { (title) }
        @if mistakes.is_empty() { p.lead { "None." } }
        div.cards {
            @for mistake in mistakes { (card(mistake)) }
        }
    }
}

fn card(mistake: &Mistake) -> Markup {
    let Comment { content, author, author_url, post_title, .. } = &mistake.comment;
    let strongest = mistake.reasons.iter().map(|reason| reason.log_odds.0.abs()).fold(0.0, f64::max);
    let probability = probability(mistake.verdict.spam_probability.value());
    html! {
        article.card.(if mistake.label == Label::Ham { "ham" } else { "spam" }) {
            p.meta {
                strong { (probability) " spam" } " · " (mistake.source)
                @if mistake.copies > 1 { " · and " (plural(mistake.copies as u64 - 1, "more like it")) }
            }
            blockquote { bdi { (shown(content, 600)) } }
            p.meta {
                @if let Some(author) = author { "by " bdi { (shown(author, 80)) } }
                @if let Some(url) = author_url { " · " bdi { (shown(url, 100)) } }
                @if let Some(post) = post_title { " · on " bdi { "“" (shown(post, 100)) "”" } }
            }
            @if !mistake.reasons.is_empty() {
                ul.reasons {
                    @for reason in &mistake.reasons {
                        li {
                            (charts::weight(reason.log_odds.0, strongest))
                            span.number { (signed(reason.log_odds.0, 2)) }
                            bdi { (shown(&reason.text, 120)) }
                        }
                    }
                }
            }
        }
    }
}

/// A stranger's text for reading: cut, and without characters that steer instead of showing something.
fn shown(text: &str, most: usize) -> String {
    let steers =
        |c: char| c.is_control() && c != '\n' || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shown: String = text.trim().chars().filter(|c| !steers(*c)).take(most).collect();
    let more = text.trim().chars().count().saturating_sub(most);
    if more == 0 { shown } else { format!("{shown} … ({} characters more)", thousands(more as u64)) }
}

fn none() -> String {
    "–".to_owned()
}

fn rate(value: Option<f64>) -> String {
    value.map_or_else(none, |value| format!("{value:.1}"))
}

fn coefficient(value: Option<f64>) -> String {
    value.map_or_else(none, |value| format!("{value:.3}"))
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(none, |share| format!("{:.0} %", share * 100.0))
}

fn bounds(interval: Interval, digits: usize) -> String {
    format!("{:.digits$} to {:.digits$}", interval.low, interval.high)
}

/// A probability that never looks more certain than it is.
fn probability(value: f64) -> String {
    let percent = value * 100.0;
    if percent > 99.99 {
        ">99.99 %".to_owned()
    } else if percent < 0.01 {
        "<0.01 %".to_owned()
    } else if !(1.0..=99.0).contains(&percent) {
        format!("{percent:.2} %")
    } else {
        format!("{percent:.1} %")
    }
}

/// With a sign that is as wide as a plus.
fn signed(value: f64, digits: usize) -> String {
    format!("{value:+.digits$}").replace('-', "−")
}

fn difference(value: u64, from: u64) -> String {
    match value.cmp(&from) {
        std::cmp::Ordering::Less => format!("−{}", thousands(from - value)),
        std::cmp::Ordering::Equal => "±0".to_owned(),
        std::cmp::Ordering::Greater => format!("+{}", thousands(value - from)),
    }
}

/// "1 more like it", "2 more like it", "3 more spam comments".
fn plural(count: u64, what: &str) -> String {
    let plural = if count == 1 || what.ends_with(" it") { "" } else { "s" };
    format!("{} {what}{plural}", thousands(count))
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0.5, 0.9995, 0.999_999, 0.0, 0.002].map(probability),
            ["50.0 %", "99.95 %", ">99.99 %", "<0.01 %", "0.20 %"]
        );
        assert_eq!(
            (difference(3, 5), difference(5, 5), difference(1005, 5)),
            ("−2".into(), "±0".into(), "+1,000".into())
        );
        assert_eq!(
            (plural(1, "more spam comment"), plural(2, "more spam comment")),
            ("1 more spam comment".into(), "2 more spam comments".into())
        );
    }

    #[test]
    fn what_steers_a_reader_s_screen_is_not_shown_and_long_texts_are_cut() {
        assert_eq!(shown("a\u{202e}b\u{7}\nc", 10), "ab\nc");
        assert_eq!(shown(&"x".repeat(1500), 3), "xxx … (1,497 characters more)");
    }
}
