//! The parts every chart has: a plane with two scales, axes with units, lines and points in it.

use maud::{Markup, html};

/// From values to a place on paper.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// The values at both ends.
    pub(super) values: [f64; 2],
    /// Where they are drawn.
    pub(super) places: [f64; 2],
    /// Whether distances grow with the square root of the value: more room near 0, and 0 itself on the paper.
    pub(super) root: bool,
}

impl Scale {
    /// Where a value is drawn; values beyond the ends at the ends.
    pub(super) fn at(self, value: f64) -> f64 {
        let bend = |value: f64| if self.root { value.max(0.0).sqrt() } else { value };
        let [from, to] = self.values.map(bend);
        let share = ((bend(value) - from) / (to - from)).clamp(0.0, 1.0);
        self.places[0] + share * (self.places[1] - self.places[0])
    }
}

/// One axis: its scale, what it measures, and where it is marked.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    pub(super) scale: Scale,
    pub(super) title: String,
    pub(super) ticks: Vec<(f64, String)>,
}

/// Width of every chart, in units of its own; the page scales it.
pub(super) const WIDTH: f64 = 520.0;
/// Room for the labels of the vertical axis.
pub(super) const LEFT: f64 = 62.0;
/// Where the plane ends.
pub(super) const RIGHT: f64 = WIDTH - 18.0;
/// Where the plane begins.
pub(super) const TOP: f64 = 14.0;
/// Room for the labels of the horizontal axis.
const BELOW: f64 = 50.0;

/// A horizontal scale over the whole plane.
pub(super) fn across(from: f64, to: f64, root: bool) -> Scale {
    Scale { values: [from, to], places: [LEFT, RIGHT], root }
}

/// A vertical scale over a plane of that height.
pub(super) fn upwards(from: f64, to: f64, height: f64) -> Scale {
    Scale { values: [from, to], places: [TOP + height, TOP], root: false }
}

/// A number of SVG: one digit after the point is a tenth of a pixel.
pub(super) fn n(value: f64) -> String {
    format!("{value:.1}")
}

/// A chart of `content` in a plane of `height`, with a name for those who cannot see it.
pub(super) fn chart(name: &str, height: f64, x: &Axis, y: &Axis, content: &Markup) -> Markup {
    let bottom = TOP + height;
    let whole = bottom + BELOW;
    html! {
        svg viewBox={ "0 0 " (n(WIDTH)) " " (n(whole)) } role="img" aria-label=(name) {
            (horizontal_axis(x, TOP, bottom))
            (vertical_axis(y))
            (content)
        }
    }
}

/// Grid, labels and title below a plane that reaches from `top` to `bottom`.
pub(super) fn horizontal_axis(axis: &Axis, top: f64, bottom: f64) -> Markup {
    html! {
        @for (value, label) in &axis.ticks {
            @let x = n(axis.scale.at(*value));
            line class="grid" x1=(x) x2=(x) y1=(n(top)) y2=(n(bottom)) {}
            text class="tick" x=(x) y=(n(bottom + 18.0)) text-anchor="middle" { (label) }
        }
        line class="axis" x1=(n(LEFT)) x2=(n(RIGHT)) y1=(n(bottom)) y2=(n(bottom)) {}
        text class="title" x=(n(f64::midpoint(LEFT, RIGHT))) y=(n(bottom + 41.0)) text-anchor="middle" { (axis.title) }
    }
}

/// Grid, labels and title left of a plane.
pub(super) fn vertical_axis(axis: &Axis) -> Markup {
    let middle = f64::midpoint(axis.scale.places[0], axis.scale.places[1]);
    html! {
        @for (value, label) in &axis.ticks {
            @let y = axis.scale.at(*value);
            line class="grid" x1=(n(LEFT)) x2=(n(RIGHT)) y1=(n(y)) y2=(n(y)) {}
            text class="tick" x=(n(LEFT - 8.0)) y=(n(y + 4.0)) text-anchor="end" { (label) }
        }
        text class="title" transform={ "translate(14 " (n(middle)) ") rotate(-90)" } text-anchor="middle" { (axis.title) }
    }
}

/// A line through points, without those that would be drawn on top of each other.
pub(super) fn line(class: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Markup {
    const NEAR: f64 = 0.25;
    let mut drawn: Vec<(f64, f64)> = Vec::new();
    let mut last = None;
    for point in points {
        let near = drawn.last().is_some_and(|(x, y)| (x - point.0).abs() < NEAR && (y - point.1).abs() < NEAR);
        if !near {
            drawn.push(point);
        }
        last = Some(point);
    }
    if last != drawn.last().copied() {
        drawn.extend(last);
    }
    let points: Vec<String> = drawn.into_iter().map(|(x, y)| format!("{},{}", n(x), n(y))).collect();
    html! { polyline class=(class) points=(points.join(" ")) {} }
}

/// A point with a label that leans towards the middle of the plane.
pub(super) fn labelled_point(class: &str, (x, y): (f64, f64), label: &[String]) -> Markup {
    let to_the_left = x > f64::midpoint(LEFT, RIGHT);
    let (shift, anchor) = if to_the_left { (-11.0, "end") } else { (11.0, "start") };
    html! {
        circle class=(class) cx=(n(x)) cy=(n(y)) r="5.5" {}
        @for (number, line) in label.iter().enumerate() {
            text class="label" x=(n(x + shift)) y=(n(y + 18.0 + 16.0 * number as f64)) text-anchor=(anchor) { (line) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_reaches_from_end_to_end_and_never_leaves_the_paper() {
        let linear = Scale { values: [0.0, 10.0], places: [100.0, 200.0], root: false };
        let root = Scale { root: true, ..linear };
        let upwards = Scale { places: [200.0, 100.0], ..linear };
        for (scale, value, place) in [
            (linear, 5.0, 150.0),
            (linear, 11.0, 200.0),
            (linear, -1.0, 100.0),
            (root, 2.5, 150.0),
            (root, 0.0, 100.0),
            (root, -3.0, 100.0),
            (upwards, 2.0, 180.0),
        ] {
            assert!((scale.at(value) - place).abs() < 1e-9, "{scale:?} draws {value} at {}", scale.at(value));
        }
    }

    #[test]
    fn points_on_top_of_each_other_are_drawn_once_and_the_last_always() {
        let crowd = (0..1000).map(|n| (f64::from(n) / 1000.0, 0.0));
        let drawn = line("curve", crowd).into_string();
        assert!(drawn.split(' ').count() < 10 && drawn.contains("1.0,0.0"), "{drawn}");
    }
}
