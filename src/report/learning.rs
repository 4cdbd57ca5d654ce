//! A learning curve as a picture: four planes with the number of own comments on the horizontal axis, and a line for each way of learning.
//!
//! Shown alone it is one SVG file that loads nothing, in the colours the reader's screen prefers; ways are told apart by colour, dashes and
//! the shape of their points.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::evaluate::{LearningCurve, Point, Spread, Way};

use super::svg::{self, Axis, LEFT, RIGHT, Scale, TOP, across, n};
use super::{CHART_STYLE, PAGE_STYLE, coefficient, none, percent, rate, thousands};

/// Height of one plane.
const PLANE: f64 = 210.0;
/// From the top of one plane to that of the next below.
const DOWN: f64 = PLANE + 100.0;
/// From the left of one plane to that of the next.
const ASIDE: f64 = svg::WIDTH + 20.0;
/// Room above the planes.
const ABOVE: f64 = 112.0;
/// Ways are drawn differently up to so many; more begin anew.
const STYLES: usize = 5;

type Figure = fn(&Point) -> Option<Spread>;

/// A figure, what it is called, and its vertical scale.
struct Measured {
    figure: Figure,
    title: &'static str,
    axis: fn(&[f64], Scale) -> Axis,
}

const MEASURED: [Measured; 4] = [
    Measured { figure: |point| point.ham_held_per_1000, title: "honest comments held, of 1,000", axis: rates },
    Measured { figure: |point| point.spam_approved_per_1000, title: "spam approved, of 1,000", axis: rates },
    Measured {
        figure: |point| point.spam_caught_at_one_percent_held,
        title: "spam caught where 1 % of ham is held",
        axis: shares,
    },
    Measured { figure: |point| point.auc, title: "AUC: spam ranked above ham", axis: shares },
];

/// The picture as a file of its own.
pub fn learning_svg(curve: &LearningCurve) -> String {
    let (width, height) = size();
    let drawing = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (n(width)) " " (n(height)) } width=(n(width)) height=(n(height))
            font-family="system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Helvetica Neue', sans-serif" {
            title { (name(curve)) }
            style { (PreEscaped(CHART_STYLE)) }
            rect class="paper" width=(n(width)) height=(n(height)) {}
            (picture(curve))
        }
    };
    drawing.into_string() + "\n"
}

/// The picture and its figures as a page.
pub fn learning_html(curve: &LearningCurve) -> String {
    let (width, height) = size();
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                meta name="robots" content="noindex";
                title { "Hamgate: " (name(curve)) }
                style { (PreEscaped(CHART_STYLE)) (PreEscaped(PAGE_STYLE)) }
            }
            body {
                main {
                    section {
                        svg viewBox={ "0 0 " (n(width)) " " (n(height)) } role="img" aria-label=(name(curve)) { (picture(curve)) }
                    }
                    section.scroll { (table(curve)) }
                }
                footer {
                    p {
                        "The generic model learned " (thousands(curve.generic)) " rows: none of the blog's, nor " (curve.near_duplicates)
                        " that say nearly the same. Lines are means of " (curve.draws) " draws, bands reach from the lowest to the highest."
                    }
                    p { "hamgate " (env!("CARGO_PKG_VERSION")) }
                }
            }
        }
    };
    markup.into_string()
}

fn name(curve: &LearningCurve) -> String {
    format!("How a new blog fares with comments of its own: {}", curve.own_sources.join(" + "))
}

fn size() -> (f64, f64) {
    (ASIDE + svg::WIDTH, ABOVE + 2.0 * DOWN)
}

fn picture(curve: &LearningCurve) -> Markup {
    html! {
        text class="heading" x=(n(LEFT)) y="34" { "How a new blog fares with comments of its own" }
        text class="note" x=(n(LEFT)) y="56" {
            (curve.own_sources.join(" + ")) "; " (thousands(curve.judged.ham)) " ham and " (thousands(curve.judged.spam))
            " spam judged; mean and range of " (curve.draws) " draws"
        }
        (legend(&curve.ways))
        @for (at, measured) in MEASURED.iter().enumerate() {
            g transform={ "translate(" (n(ASIDE * (at % 2) as f64)) " " (n(ABOVE + DOWN * (at / 2) as f64)) ")" } {
                (plane(curve, measured))
            }
        }
    }
}

fn legend(ways: &[Way]) -> Markup {
    // Letters are at most about so wide.
    const LETTER: f64 = 7.0;
    let mut left = LEFT;
    let places = ways.iter().enumerate().map(|(at, way)| {
        let from = left;
        left += 64.0 + LETTER * way.name.chars().count() as f64;
        (at % STYLES, from, &way.name)
    });
    html! {
        @for (style, from, name) in places {
            (svg::line(&format!("way way-{style}"), [(from, 84.0), (from + 36.0, 84.0)]))
            (dot(style, (from + 18.0, 84.0)))
            text class="label" x=(n(from + 44.0)) y="88" { (name) }
        }
    }
}

fn plane(curve: &LearningCurve, measured: &Measured) -> Markup {
    let points = || curve.ways.iter().flat_map(|way| &way.points);
    let most = points().map(|point| point.own.total()).max().unwrap_or_default().max(1);
    let mut sizes: Vec<u64> = points().map(|point| point.own.total()).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let x = Axis {
        scale: across(0.0, most as f64, true),
        title: "own comments judged (square-root scale)".to_owned(),
        ticks: sizes.iter().map(|&size| (size as f64, thousands(size))).collect(),
    };
    let means: Vec<f64> = points().filter_map(measured.figure).flat_map(|spread| [spread.low, spread.high]).collect();
    let y = (measured.axis)(&means, svg::upwards(0.0, 1.0, PLANE));
    html! {
        text class="label" x=(n(LEFT)) y=(n(TOP - 10.0)) { (measured.title) }
        (svg::horizontal_axis(&x, TOP, TOP + PLANE))
        (svg::vertical_axis(&y))
        @for (at, way) in curve.ways.iter().enumerate() { (band(at % STYLES, way, measured, x.scale, y.scale)) }
        @for (at, way) in curve.ways.iter().enumerate() { (means_of(at % STYLES, way, measured, x.scale, y.scale)) }
        line class="axis" x1=(n(LEFT)) x2=(n(RIGHT)) y1=(n(TOP + PLANE)) y2=(n(TOP + PLANE)) {}
    }
}

/// What a way reached, point by point.
fn found(way: &Way, measured: &Measured) -> Vec<(f64, Spread)> {
    way.points.iter().filter_map(|point| Some((point.own.total() as f64, (measured.figure)(point)?))).collect()
}

fn band(style: usize, way: &Way, measured: &Measured, x: Scale, y: Scale) -> Markup {
    let found = found(way, measured);
    let high = found.iter().map(|(own, spread)| (x.at(*own), y.at(spread.high)));
    let low = found.iter().rev().map(|(own, spread)| (x.at(*own), y.at(spread.low)));
    let corners: Vec<String> = high.chain(low).map(|(x, y)| format!("{},{}", n(x), n(y))).collect();
    html! { polygon class={ "band band-" (style) } points=(corners.join(" ")) {} }
}

fn means_of(style: usize, way: &Way, measured: &Measured, x: Scale, y: Scale) -> Markup {
    let found = found(way, measured);
    html! {
        (svg::line(&format!("way way-{style}"), found.iter().map(|(own, spread)| (x.at(*own), y.at(spread.mean)))))
        @for (own, spread) in &found { (dot(style, (x.at(*own), y.at(spread.mean)))) }
    }
}

/// A point, in a shape that belongs to its way.
fn dot(style: usize, (x, y): (f64, f64)) -> Markup {
    let class = format!("dot-{style}");
    match style {
        0 => html! {},
        1 => html! { rect class=(class) x=(n(x - 3.5)) y=(n(y - 3.5)) width="7" height="7" {} },
        2 => {
            html! { polygon class=(class) points={ (n(x)) "," (n(y - 5.0)) " " (n(x + 4.5)) "," (n(y + 3.5)) " " (n(x - 4.5)) "," (n(y + 3.5)) } {} }
        }
        _ => html! { circle class=(class) cx=(n(x)) cy=(n(y)) r="4" {} },
    }
}

/// A scale of roots, because the worst way is a hundred times the best.
fn rates(values: &[f64], scale: Scale) -> Axis {
    const TICKS: [f64; 11] = [0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];
    let highest = values.iter().copied().fold(1.0, f64::max);
    let most = TICKS.into_iter().find(|tick| *tick >= highest).unwrap_or(1000.0);
    // Ticks nearer to each other than their labels are high would be unreadable.
    let ticks = TICKS.into_iter().filter(|tick| *tick <= most && (*tick == 0.0 || *tick >= most / 50.0));
    Axis {
        scale: Scale { values: [0.0, most], root: true, ..scale },
        title: "of 1,000 (square-root scale)".to_owned(),
        ticks: ticks.map(|tick| (tick, tick.to_string())).collect(),
    }
}

/// From a round number below the lowest up to 1.
fn shares(values: &[f64], scale: Scale) -> Axis {
    const BELOW: [f64; 5] = [0.98, 0.95, 0.9, 0.8, 0.5];
    let lowest = values.iter().copied().fold(1.0, f64::min);
    let from = BELOW.into_iter().find(|from| *from <= lowest).unwrap_or(0.0);
    let ticks = (0..=5).map(|step| 1.0 - (1.0 - from) * f64::from(step) / 5.0);
    Axis {
        scale: Scale { values: [from, 1.0], ..scale },
        title: "share".to_owned(),
        ticks: ticks.map(|tick| (tick, format!("{tick:.3}"))).collect(),
    }
}

fn table(curve: &LearningCurve) -> Markup {
    let cell = |spread: Option<Spread>, write: fn(Option<f64>) -> String| {
        let Some(Spread { mean, low, high }) = spread else { return none() };
        let [mean, low, high] = [mean, low, high].map(|value| write(Some(value)));
        if low == high { mean } else { format!("{mean} ({low} to {high})") }
    };
    html! {
        table {
            caption { "Means of the draws, and the lowest and highest" }
            thead {
                tr {
                    th { "way" }
                    @for name in ["own", "of them ham", "ham held/1,000", "spam approved/1,000", "AUC", "caught at 1 % held", "MCC at 0.5"] {
                        th.number { (name) }
                    }
                }
            }
            tbody {
                @for way in &curve.ways {
                    @for point in &way.points {
                        tr {
                            th scope="row" { (way.name) }
                            td.number { (point.own.total()) }
                            td.number { (point.own.ham) }
                            td.number { (cell(point.ham_held_per_1000, rate)) }
                            td.number { (cell(point.spam_approved_per_1000, rate)) }
                            td.number { (cell(point.auc, coefficient)) }
                            td.number { (cell(point.spam_caught_at_one_percent_held, percent)) }
                            td.number { (cell(point.mcc, coefficient)) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LabelCounts;

    fn curve(source: &str) -> LearningCurve {
        let point = |own: u64, rate: f64| {
            let spread = |mean: f64| Some(Spread { mean, low: mean * 0.9, high: mean * 1.1 });
            Point {
                own: LabelCounts { ham: own, spam: own },
                draws: 5,
                ham_held_per_1000: spread(rate),
                spam_approved_per_1000: spread(rate),
                auc: spread(0.9),
                spam_caught_at_one_percent_held: spread(0.7),
                mcc: None,
            }
        };
        let way = |name: &str, rates: &[f64]| Way {
            name: name.to_owned(),
            points: rates.iter().zip([0, 5, 50]).map(|(rate, own)| point(own, *rate)).collect(),
        };
        LearningCurve {
            own_sources: vec![source.to_owned()],
            pool: LabelCounts { ham: 50, spam: 50 },
            judged: LabelCounts { ham: 50, spam: 50 },
            generic: 1000,
            near_duplicates: 0,
            skipped_rows: 0,
            draws: 5,
            ways: vec![way("generic only", &[9.0, 9.0, 9.0]), way("own only", &[]), way("trained", &[9.0, 4.0, 1.0])],
        }
    }

    #[test]
    fn the_picture_loads_and_runs_nothing_whatever_a_source_is_called() {
        let svg = learning_svg(&curve("<script>alert(1)</script>&\"'"));
        assert!(!svg.contains("<script") && svg.contains("&lt;script&gt;"), "{svg}");
        assert!(!svg.contains("url(") && !svg.contains("href") && !svg.contains("@import"));
    }

    #[test]
    fn a_way_that_holds_less_is_drawn_lower_and_one_that_learned_nothing_not_at_all() {
        let curve = curve("blog");
        let drawn = plane(&curve, &MEASURED[0]).into_string();
        assert!(drawn.contains(r#"class="way way-1" points="""#), "{drawn}");
        let (_, line) = drawn.split_once(r#"class="way way-2" points=""#).unwrap();
        let heights: Vec<f64> = (line.split('"').next().unwrap().split(' '))
            .map(|point| point.split_once(',').unwrap().1.parse().unwrap())
            .collect();
        // Down is up on paper.
        assert!(heights.len() == 3 && heights[0] < heights[1] && heights[1] < heights[2], "{heights:?}");
    }

    #[test]
    fn scales_hold_every_value() {
        let plane = svg::upwards(0.0, 1.0, PLANE);
        for highest in [0.0, 0.7, 9.0, 361.7, 1000.0] {
            let axis = rates(&[highest], plane);
            assert!(axis.scale.values[1] >= highest && axis.ticks.len() >= 2, "{highest}: {axis:?}");
        }
        for lowest in [1.0, 0.985, 0.93, 0.2, 0.0] {
            assert!(shares(&[lowest, 1.0], plane).scale.values[0] <= lowest, "{lowest}");
        }
    }

    #[test]
    fn the_page_has_the_picture_and_its_figures() {
        let page = learning_html(&curve("blog"));
        assert!(page.contains("<svg") && page.contains("9.0 (8.1 to 9.9)"), "{page}");
        assert!(page.contains("default-src 'none'"));
    }
}
