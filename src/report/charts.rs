//! The charts, each in a function: values in, a picture out.

use maud::{Markup, html};

use crate::comment::Label;
use crate::evaluate::{Bar, CalibrationBin, Curve, Interval, Step};

use super::svg::{self, Axis, LEFT, RIGHT, Scale, TOP, across, chart, labelled_point, line, n, upwards};

const HEIGHT: f64 = 300.0;

fn percent_ticks(step: usize) -> Vec<(f64, String)> {
    (0..=100_u32).step_by(step).map(|percent| (f64::from(percent) / 100.0, format!("{percent} %"))).collect()
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn with_start(curve: &Curve) -> impl Iterator<Item = (u64, u64)> + '_ {
    std::iter::once((0, 0)).chain(curve.steps.iter().map(|step| (step.ham, step.spam)))
}

/// What holding more would catch: ham held of 1,000 against spam caught, where it matters.
pub(super) fn trade_off(curve: &Curve, chosen: Step) -> Markup {
    let held = 1000.0 * share(chosen.ham, curve.ham);
    // So far to the right that the choice lies in the left half of a scale of roots.
    let most = [20.0, 50.0, 100.0, 200.0, 500.0].into_iter().find(|most| *most >= 4.0 * held).unwrap_or(1000.0);
    let ticks = [0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];
    // Ticks nearer to each other than their labels are wide would be unreadable.
    let ticks = ticks.into_iter().filter(|tick| *tick <= most && (*tick == 0.0 || *tick >= most / 100.0));
    let x = Axis {
        scale: across(0.0, most, true),
        title: "honest comments held, of 1,000 (square-root scale)".to_owned(),
        ticks: ticks.map(|tick| (tick, tick.to_string())).collect(),
    };
    let y = Axis { scale: upwards(0.0, 1.0, HEIGHT), title: "spam caught".to_owned(), ticks: percent_ticks(20) };
    let at = |ham: u64, spam: u64| (x.scale.at(1000.0 * share(ham, curve.ham)), y.scale.at(share(spam, curve.spam)));
    let visible = with_start(curve).take_while(|(ham, _)| 1000.0 * share(*ham, curve.ham) <= most);
    let mut visible: Vec<(f64, f64)> = visible.map(|(ham, spam)| at(ham, spam)).collect();
    // What the last threshold on the paper catches is caught up to the edge.
    visible.extend(visible.last().map(|&(_, caught)| (RIGHT, caught)));
    let label = [
        "chosen threshold".to_owned(),
        format!("{held:.1} of 1,000 held"),
        format!("{:.1} % of spam caught", 100.0 * share(chosen.spam, curve.spam)),
    ];
    let content = html! {
        (line("curve", visible))
        (labelled_point("chosen", at(chosen.ham, chosen.spam), &label))
    };
    chart("Honest comments held against spam caught", HEIGHT, &x, &y, &content)
}

/// Receiver operating characteristic with the operating point.
pub(super) fn roc(curve: &Curve, auc: Option<f64>, chosen: (f64, f64)) -> Markup {
    let x = Axis {
        scale: across(0.0, 1.0, false),
        title: "honest comments held (false positive rate)".to_owned(),
        ticks: percent_ticks(20),
    };
    let y = Axis {
        scale: upwards(0.0, 1.0, HEIGHT),
        title: "spam caught (true positive rate)".to_owned(),
        ticks: percent_ticks(20),
    };
    let at = |ham: f64, spam: f64| (x.scale.at(ham), y.scale.at(spam));
    let points = with_start(curve).map(|(ham, spam)| at(share(ham, curve.ham), share(spam, curve.spam)));
    let content = html! {
        (line("guide", [at(0.0, 0.0), at(1.0, 1.0)]))
        text class="note" x=(n(at(0.62, 0.5).0)) y=(n(at(0.62, 0.5).1)) { "a coin" }
        (line("curve", points))
        (labelled_point("chosen", at(chosen.0, chosen.1), &["chosen threshold".to_owned()]))
        @if let Some(auc) = auc {
            text class="label" x=(n(RIGHT - 12.0)) y=(n(TOP + HEIGHT - 14.0)) text-anchor="end" { "AUC " (format!("{auc:.4}")) }
        }
    };
    chart("Receiver operating characteristic", HEIGHT, &x, &y, &content)
}

/// Precision against recall with the operating point.
pub(super) fn precision_recall(curve: &Curve, chosen: (f64, f64)) -> Markup {
    let x = Axis { scale: across(0.0, 1.0, false), title: "spam caught (recall)".to_owned(), ticks: percent_ticks(20) };
    let y = Axis {
        scale: upwards(0.0, 1.0, HEIGHT),
        title: "spam among what is held (precision)".to_owned(),
        ticks: percent_ticks(20),
    };
    let at = |recall: f64, precision: f64| (x.scale.at(recall), y.scale.at(precision));
    let points = curve
        .steps
        .iter()
        .filter(|step| step.spam > 0)
        .map(|step| at(share(step.spam, curve.spam), share(step.spam, step.ham + step.spam)));
    let base = share(curve.spam, curve.ham + curve.spam);
    let content = html! {
        (line("guide", [at(0.0, base), at(1.0, base)]))
        text class="note" x=(n(LEFT + 10.0)) y=(n(at(0.0, base).1 + 16.0)) { "hold everything" }
        (line("curve", points))
        (labelled_point("chosen", at(chosen.0, chosen.1), &["chosen threshold".to_owned()]))
    };
    chart("Precision and recall", HEIGHT, &x, &y, &content)
}

/// A threshold in a histogram, with its name.
pub(super) type Mark = (f64, &'static str);

/// How evidence is spread: honest comments above, spam below, on one scale, with what is held in full colour.
pub(super) fn histograms(bars: &[Bar], marks: &[Mark], title: &str, held_from: f64) -> Markup {
    const PANEL: f64 = 130.0;
    const GAP: f64 = 34.0;
    let (Some(first), Some(last)) = (bars.first(), bars.last()) else { return html! {} };
    let x = across(first.from, last.to, false);
    let step = if last.to - first.from > 16.0 { 4 } else { 2 };
    let whole = (first.from.ceil() as i32..=last.to.floor() as i32).filter(|tick| tick % step == 0);
    let ticks = whole
        .map(|tick| (f64::from(tick), if tick > 0 { format!("+{tick}") } else { tick.to_string().replace('-', "−") }));
    let axis = Axis { scale: x, title: title.to_owned(), ticks: ticks.collect() };
    let bottom = TOP + 2.0 * PANEL + GAP;
    let panel = |label: Label, top: f64| {
        let count = |bar: &Bar| if label == Label::Ham { bar.ham } else { bar.spam };
        let all: u64 = bars.iter().map(count).sum();
        let tallest = bars.iter().map(|bar| share(count(bar), all)).fold(0.01, f64::max);
        let y = Scale { values: [0.0, tallest * 1.08], places: [top + PANEL, top], root: false };
        let (class, name) = if label == Label::Ham { ("ham", "honest comments") } else { ("spam", "spam") };
        let axis = Axis {
            scale: y,
            title: format!("share of {}", if label == Label::Ham { "ham" } else { "spam" }),
            ticks: [0.0, tallest].map(|share| (share, format!("{:.0} %", share * 100.0))).to_vec(),
        };
        html! {
            (svg::vertical_axis(&axis))
            @for bar in bars.iter().filter(|bar| count(bar) > 0) {
                @let (left, right, height) = (x.at(bar.from), x.at(bar.to), y.at(0.0) - y.at(share(count(bar), all)));
                rect class={ (class) @if bar.to <= held_from + 1e-9 { " faint" } } x=(n(left + 0.5)) width=(n(right - left - 1.0))
                    y=(n(y.at(0.0) - height)) height=(n(height.max(0.8))) {
                    title { (count(bar)) " of " (all) ", evidence " (format!("{:+.1} to {:+.1}", bar.from, bar.to)) }
                }
            }
            line class="axis" x1=(n(LEFT)) x2=(n(RIGHT)) y1=(n(top + PANEL)) y2=(n(top + PANEL)) {}
            text class={ "label " (class) "-text" } x=(n(LEFT + 8.0)) y=(n(top + 14.0)) { (name) " (" (super::thousands(all)) ")" }
        }
    };
    html! {
        svg viewBox={ "0 0 " (n(svg::WIDTH)) " " (n(bottom + 50.0)) } role="img" aria-label="How evidence is spread over both classes" {
            (svg::horizontal_axis(&axis, TOP, bottom))
            (panel(Label::Ham, TOP))
            (panel(Label::Spam, TOP + PANEL + GAP))
            @for (position, (value, name)) in marks.iter().enumerate() {
                // Names of neighbours stand on their outer sides, where they cannot meet.
                @let (anchor, aside) = match position {
                    _ if marks.len() == 1 => ("middle", 0.0),
                    0 => ("end", -5.0),
                    _ => ("start", 5.0),
                };
                @let place = x.at(*value);
                line class="mark" x1=(n(place)) x2=(n(place)) y1=(n(TOP)) y2=(n(bottom)) {}
                text class="note" x=(n(place + aside)) y=(n(TOP + PANEL + 20.0)) text-anchor=(anchor) { (name) }
            }
        }
    }
}

/// What probabilities promise against what came, with intervals.
pub(super) fn calibration(bins: &[CalibrationBin]) -> Markup {
    let x = Axis {
        scale: across(0.0, 1.0, false),
        title: "promised: mean probability of spam".to_owned(),
        ticks: percent_ticks(20),
    };
    let y =
        Axis { scale: upwards(0.0, 1.0, HEIGHT), title: "came: share of spam".to_owned(), ticks: percent_ticks(20) };
    let at = |promised: f64, came: f64| (x.scale.at(promised), y.scale.at(came));
    let points: Vec<_> =
        bins.iter().filter_map(|bin| Some((bin, at(bin.promised?, bin.came?), bin.interval?))).collect();
    let content = html! {
        (line("guide", [at(0.0, 0.0), at(1.0, 1.0)]))
        text class="note" x=(n(at(0.03, 0.0).0)) y=(n(at(0.0, 0.92).1)) { "dotted: every promise kept" }
        (line("curve thin", points.iter().map(|(_, place, _)| *place)))
        @for (bin, (px, py), interval) in &points {
            line class="interval" x1=(n(*px)) x2=(n(*px)) y1=(n(y.scale.at(interval.low))) y2=(n(y.scale.at(interval.high))) {}
            circle class="point" cx=(n(*px)) cy=(n(*py)) r="4.5" {
                title { (bin.ham) " ham, " (bin.spam) " spam; 95 % interval " (format!("{:.2} to {:.2}", interval.low, interval.high)) }
            }
        }
    };
    chart("Calibration", HEIGHT, &x, &y, &content)
}

/// A rate of 1,000 with its interval, small enough for a cell of a table; all cells of a column share the scale.
pub(super) fn whisker(class: &str, value: f64, interval: Option<Interval>, most: f64) -> Markup {
    const CELL: f64 = 120.0;
    let x = Scale { values: [0.0, most.max(1.0)], places: [3.0, CELL - 3.0], root: true };
    html! {
        svg class="whisker" viewBox={ "0 0 " (n(CELL)) " 16" } aria-hidden="true" {
            line class="grid" x1="3" x2=(n(CELL - 3.0)) y1="8" y2="8" {}
            @if let Some(Interval { low, high }) = interval {
                line class={ "interval " (class) "-line" } x1=(n(x.at(low))) x2=(n(x.at(high))) y1="8" y2="8" {}
            }
            circle class=(class) cx=(n(x.at(value))) cy="8" r="3.6" {}
        }
    }
}

/// How strongly one reason speaks: a bar to the right for spam, to the left for ham.
pub(super) fn weight(log_odds: f64, most: f64) -> Markup {
    const HALF: f64 = 40.0;
    let length = (log_odds.abs() / most.max(1e-9)).min(1.0) * HALF;
    let (class, left) = if log_odds > 0.0 { ("spam", HALF) } else { ("ham", HALF - length) };
    html! {
        svg class="weight" viewBox={ "0 0 " (n(2.0 * HALF)) " 12" } aria-hidden="true" {
            line class="grid" x1=(n(HALF)) x2=(n(HALF)) y1="0" y2="12" {}
            rect class=(class) x=(n(left)) y="2.5" width=(n(length)) height="7" {}
        }
    }
}
