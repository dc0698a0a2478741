//! Plots as SVG. Colours come from the page's style sheet, so that they follow light and dark; each plot is as wide as a
//! phone and is laid out in as many columns as the page has room for.

use std::fmt::Write as _;

/// Width of a plot in its own units: a phone's, so that text keeps its size there.
const WIDTH: f64 = 340.0;
/// Height of one bar's row: its label above it.
const ROW: f64 = 40.0;
/// Height of a bar.
const BAR: f64 = 14.0;
/// Room to the right of the longest bar, for its value.
const VALUE_ROOM: f64 = 116.0;
/// Height of the area of a curve.
const CURVE: f64 = 170.0;
/// Room left of a curve for the axis.
const AXIS: f64 = 44.0;

/// A row of [`bars`].
pub struct Bar<'a> {
    /// Whose it is.
    pub label: &'a str,
    /// Class that gives the colour.
    pub class: &'a str,
    /// How long.
    pub value: f64,
    /// The value for people.
    pub text: String,
}

/// A row of [`ranges`]: from the median outwards.
pub struct Range<'a> {
    /// Whose it is.
    pub label: &'a str,
    /// Class that gives the colour.
    pub class: &'a str,
    /// The median.
    pub p50: f64,
    /// Above it one in a hundred.
    pub p99: f64,
    /// Above it one in a thousand.
    pub p999: f64,
}

/// A line of [`curves`].
pub struct Curve<'a> {
    /// Whose it is.
    pub label: &'a str,
    /// Class that gives the colour.
    pub class: &'a str,
    /// Points from left to right.
    pub points: Vec<(f64, f64)>,
}

/// Horizontal bars from zero.
pub fn bars(title: &str, note: &str, rows: &[Bar<'_>]) -> String {
    let longest = rows.iter().map(|row| row.value).fold(f64::MIN_POSITIVE, f64::max);
    let mut body = String::new();
    for (index, row) in rows.iter().enumerate() {
        let top = index as f64 * ROW;
        let length = (row.value / longest * (WIDTH - VALUE_ROOM)).max(2.0);
        let (label, text) = (escape(row.label), escape(&row.text));
        let _ = write!(
            body,
            r#"<g><title>{label}: {text}</title><text class="label" x="0" y="{:.0}">{label}</text><rect class="{}" x="0" y="{:.0}" width="{length:.1}" height="{BAR}" rx="3"/><text class="value" x="{:.1}" y="{:.0}">{text}</text></g>"#,
            top + 12.0,
            row.class,
            top + 18.0,
            length + 6.0,
            top + 18.0 + BAR - 3.0,
        );
    }
    figure(title, note, rows.len() as f64 * ROW, &body)
}

/// Median, 99th and 99.9th percentile of each row on one logarithmic axis, in milliseconds.
pub fn ranges(title: &str, note: &str, rows: &[Range<'_>]) -> String {
    let values = || rows.iter().flat_map(|row| [row.p50, row.p99, row.p999]).filter(|value| *value > 0.0);
    let low = decade_below(values().fold(f64::INFINITY, f64::min));
    let high = decade_above(values().fold(0.0, f64::max)).max(low * 10.0);
    let place = |value: f64| {
        let share = (value.max(low) / low).log10() / (high / low).log10();
        8.0 + share * (WIDTH - 16.0)
    };
    let height = rows.len() as f64 * ROW;
    let mut body = String::new();
    let mut tick = low;
    while tick <= high * 1.001 {
        let x = place(tick);
        let anchor = if x > WIDTH - 30.0 { "end" } else { "start" };
        let _ = write!(
            body,
            r#"<line class="grid" x1="{x:.1}" x2="{x:.1}" y1="0" y2="{height}"/><text class="tick" x="{x:.1}" y="{:.0}" text-anchor="{anchor}">{} ms</text>"#,
            height + 14.0,
            plain(tick),
        );
        tick *= 10.0;
    }
    for (index, row) in rows.iter().enumerate() {
        let (top, label, class) = (index as f64 * ROW, escape(row.label), row.class);
        let y = top + 27.0;
        let (x50, x99, x999) = (place(row.p50), place(row.p99), place(row.p999));
        let text = format!("p50 {}, p99 {}, p99.9 {} ms", plain(row.p50), plain(row.p99), plain(row.p999));
        let _ = write!(
            body,
            r#"<g><title>{label}: {text}</title><text class="label" x="0" y="{:.0}">{label} <tspan class="soft">{text}</tspan></text><line class="{class} range" x1="{x50:.1}" x2="{x999:.1}" y1="{y}" y2="{y}"/><circle class="{class} hollow" cx="{x999:.1}" cy="{y}" r="3"/><circle class="{class}" cx="{x99:.1}" cy="{y}" r="5"/><circle class="{class} hollow" cx="{x50:.1}" cy="{y}" r="5"/></g>"#,
            top + 12.0,
        );
    }
    figure(title, note, height + 18.0, &body)
}

/// Lines over a common axis that starts at zero; `bound` is drawn across where the figure must stay below it.
pub fn curves(title: &str, note: &str, unit: &str, bound: Option<f64>, lines: &[Curve<'_>]) -> String {
    let points = || lines.iter().flat_map(|line| line.points.iter());
    let right = points().map(|point| point.0).fold(f64::MIN_POSITIVE, f64::max);
    // A run far beyond the bound would press all others flat; it is drawn at the edge.
    let highest = points().map(|point| point.1).fold(f64::MIN_POSITIVE, f64::max);
    let top = bound.map_or(highest * 1.1, |bound| highest.clamp(bound * 1.2, bound * 3.0));
    let at_x = |value: f64| AXIS + value / right * (WIDTH - AXIS - 8.0);
    let at_y = |value: f64| 8.0 + (1.0 - (value / top).min(1.0)) * (CURVE - 8.0);
    let mut body = String::new();
    for value in ticks(top) {
        let y = at_y(value);
        let _ = write!(
            body,
            r#"<line class="grid" x1="{AXIS}" x2="{WIDTH}" y1="{y:.1}" y2="{y:.1}"/><text class="tick" x="{:.0}" y="{:.1}" text-anchor="end">{}{unit}</text>"#,
            AXIS - 4.0,
            y + 3.0,
            plain(value),
        );
    }
    for value in ticks(right) {
        let x = at_x(value);
        let anchor = if x > WIDTH - 20.0 { "end" } else { "middle" };
        let _ = write!(
            body,
            r#"<text class="tick" x="{x:.1}" y="{:.0}" text-anchor="{anchor}">{}</text>"#,
            CURVE + 15.0,
            plain(value),
        );
    }
    if let Some(bound) = bound {
        let y = at_y(bound);
        let _ = write!(body, r#"<line class="bound" x1="{AXIS}" x2="{WIDTH}" y1="{y:.1}" y2="{y:.1}"/>"#);
    }
    let mut legend = 0.0;
    for line in lines {
        let path: Vec<String> = line.points.iter().map(|(x, y)| format!("{:.1},{:.1}", at_x(*x), at_y(*y))).collect();
        let _ = write!(body, r#"<polyline class="{} curve" points="{}"/>"#, line.class, path.join(" "));
        let label = escape(line.label);
        for (x, y) in &line.points {
            let _ = write!(
                body,
                r#"<circle class="{}" cx="{:.1}" cy="{:.1}" r="3"><title>{label}, {}: {}{unit}</title></circle>"#,
                line.class,
                at_x(*x),
                at_y(*y),
                plain(*x),
                plain(*y),
            );
        }
        let y = CURVE + 34.0;
        let _ = write!(
            body,
            r#"<rect class="{}" x="{:.0}" y="{:.0}" width="10" height="10" rx="2"/><text class="label" x="{:.0}" y="{y:.0}">{label}</text>"#,
            line.class,
            AXIS + legend,
            y - 9.0,
            AXIS + legend + 14.0,
        );
        legend += 30.0 + 7.0 * line.label.chars().count() as f64;
    }
    figure(title, note, CURVE + 40.0, &body)
}

/// A number as short as it can be without losing what matters: three significant digits.
pub fn plain(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 10_000.0 {
        grouped(value)
    } else if magnitude >= 100.0 || (magnitude - magnitude.round()).abs() < 1e-9 {
        format!("{value:.0}")
    } else if magnitude >= 10.0 {
        format!("{value:.1}")
    } else if magnitude >= 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// A whole number with a comma after each three digits.
pub fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

/// Text that may stand in HTML, in attributes too.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn figure(title: &str, note: &str, height: f64, body: &str) -> String {
    let (title, note) = (escape(title), escape(note));
    format!(
        r#"<figure><figcaption>{title}<small>{note}</small></figcaption><svg viewBox="0 0 {WIDTH} {:.0}" role="img" aria-label="{title}">{body}</svg></figure>"#,
        height + 4.0
    )
}

/// Round numbers from zero up to a bound: four to eight of them.
fn ticks(bound: f64) -> Vec<f64> {
    let decade = decade_below(bound);
    let step = if bound < decade * 2.0 {
        decade / 4.0
    } else if bound < decade * 4.0 {
        decade / 2.0
    } else if bound < decade * 8.0 {
        decade
    } else {
        decade * 2.0
    };
    (0..=8).map(|index| f64::from(index) * step).filter(|value| *value <= bound * 1.0001).collect()
}

fn decade_below(value: f64) -> f64 {
    if value.is_finite() && value > 0.0 { 10_f64.powf(value.log10().floor()) } else { 0.1 }
}

fn decade_above(value: f64) -> f64 {
    if value > 0.0 { 10_f64.powf(value.log10().ceil()) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (0.25, "0.25"),
            (0.9999, "1"),
            (1.234, "1.23"),
            (18.26, "18.3"),
            (340.4, "340"),
            (23_200.0, "23,200"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(plain(value), text);
        }
        assert_eq!(grouped(-1_000.0), "-1,000");
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(ticks(1_600.0), [0.0, 250.0, 500.0, 750.0, 1_000.0, 1_250.0, 1_500.0]);
        assert_eq!(ticks(20.0), [0.0, 5.0, 10.0, 15.0, 20.0]);
        for bound in [0.003, 0.99, 1.0, 19.0, 47.3, 80.0, 99.9, 12_345.0] {
            assert!((4..=9).contains(&ticks(bound).len()), "{bound}: {:?}", ticks(bound));
        }
    }

    #[test]
    fn text_cannot_break_out() {
        let plot = bars("<b>", "\"", &[Bar { label: "a<script>", class: "floor", value: 1.0, text: "1".into() }]);
        assert!(!plot.contains("<script>") && !plot.contains("<b>"));
    }

    #[test]
    fn plots_take_empty_and_zero_values() {
        let range = Range { label: "a", class: "floor", p50: 0.0, p99: 0.0, p999: 0.0 };
        for plot in [
            bars("t", "", &[Bar { label: "a", class: "floor", value: 0.0, text: String::new() }]),
            ranges("t", "", &[range]),
            ranges("t", "", &[]),
            curves("t", "", "", Some(50.0), &[Curve { label: "a", class: "floor", points: vec![(0.0, 0.0)] }]),
            curves("t", "", "", None, &[]),
        ] {
            assert!(!plot.contains("NaN") && !plot.contains("inf"), "{plot}");
        }
    }
}
