//! What a bench prints: a line as each section is measured, a table of all figures at the end, the same as JSON.

use anyhow::{Context, Result};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use crate::statistics::ratio;

/// One measured figure: for the target and, in a comparison, for the peer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) target: f64,
    pub(crate) peer: Option<f64>,
    /// Target divided by peer.
    pub(crate) ratio: Option<f64>,
    /// Whether the section's line shows it; the table shows all.
    #[serde(skip)]
    headline: bool,
}

impl Figure {
    /// A figure from the value of the target and, if there is one, of the peer.
    pub(crate) fn new(name: &'static str, unit: &'static str, values: &[f64]) -> Self {
        let peer = values.get(1).copied();
        let ratio = peer.and_then(|peer| ratio(values[0], peer));
        Self { name, unit, target: values[0], peer, ratio, headline: false }
    }

    /// Shows the figure in its section's line too.
    pub(crate) fn headline(mut self) -> Self {
        self.headline = true;
        self
    }

    /// `rate 31,000 against 9,100 req/s (3.41)`
    fn phrase(&self) -> String {
        let target = number(self.target);
        match (self.peer, self.ratio) {
            (Some(peer), Some(ratio)) => {
                format!("{} {target} against {} {} ({})", self.name, number(peer), self.unit, number(ratio))
            }
            (Some(peer), None) => format!("{} {target} against {} {}", self.name, number(peer), self.unit),
            (None, _) => format!("{} {target} {}", self.name, self.unit),
        }
    }
}

/// The figures of one thing measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Section {
    name: String,
    figures: Vec<Figure>,
}

/// All that a run found out.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The machine and the servers, one sentence each.
    conditions: Vec<String>,
    sections: Vec<Section>,
    /// What was not measured, and why.
    skipped: Vec<String>,
}

impl Report {
    /// An empty report; prints the conditions.
    pub(crate) fn new(conditions: Vec<String>) -> Result<Self> {
        say(&conditions.join("\n"))?;
        Ok(Self { conditions, sections: Vec::new(), skipped: Vec::new() })
    }

    /// Adds a section and prints its line.
    pub(crate) fn section(&mut self, name: impl Into<String>, figures: Vec<Figure>) -> Result<()> {
        let name = name.into();
        let phrases: Vec<_> = figures.iter().filter(|figure| figure.headline).map(Figure::phrase).collect();
        say(&format!("{name}: {}", phrases.join("; ")))?;
        self.sections.push(Section { name, figures });
        Ok(())
    }

    /// Says what is not measured.
    pub(crate) fn skip(&mut self, sentence: impl Into<String>) -> Result<()> {
        let sentence = sentence.into();
        say(&sentence)?;
        self.skipped.push(sentence);
        Ok(())
    }

    /// All figures, in columns.
    pub(crate) fn table(&self) -> String {
        let mut rows = vec![["", "target", "peer", "target/peer", "unit"].map(str::to_owned)];
        for section in &self.sections {
            rows.push([section.name.as_str(), "", "", "", ""].map(str::to_owned));
            rows.extend(section.figures.iter().map(|figure| {
                let optional = |value: Option<f64>| value.map(number).unwrap_or_default();
                let name = format!("  {}", figure.name);
                [name, number(figure.target), optional(figure.peer), optional(figure.ratio), figure.unit.to_owned()]
            }));
        }
        let is_title = |row: &[String; 5]| row[1].is_empty();
        let width = |column: usize| {
            let cells = rows.iter().filter(|row| !is_title(row)).map(|row| row[column].chars().count());
            cells.max().unwrap_or_default()
        };
        let widths: Vec<_> = (0..4).map(width).collect();
        let mut table = String::new();
        for row in &rows {
            let [name, target, peer, ratio, unit] = row;
            let line = format!(
                "{name:<0$}  {target:>1$}  {peer:>2$}  {ratio:>3$}  {unit}",
                widths[0], widths[1], widths[2], widths[3]
            );
            writeln!(table, "{}", line.trim_end()).expect("a String takes any text");
        }
        table
    }

    /// Prints the table and writes the JSON file, if one is wanted.
    pub(crate) fn finish(&self, json: Option<&Path>) -> Result<()> {
        say(&format!("\n{}\n{}", self.table(), self.skipped.join("\n")))?;
        if let Some(path) = json {
            let text = serde_json::to_string_pretty(self)? + "\n";
            std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }
}

/// Prints a line. A closed pipe is an error and no panic, so that the servers of the run are ended.
fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").context("printing")
}

/// A number with three significant digits or, from a hundred up, none behind the point; thousands are set apart.
pub(crate) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 => 0,
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        _ => 3,
    };
    let plain = format!("{value:.decimals$}");
    let (whole, fraction) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let (sign, digits) = whole.split_at(usize::from(whole.starts_with('-')));
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return plain;
    }
    let mut grouped = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::new(vec!["2 cores".into()]).unwrap();
        let figures = vec![
            Figure::new("rate", "req/s", &[31_000.0, 9_100.0]).headline(),
            Figure::new("CPU per request", "µs", &[22.04, 146.0]),
        ];
        report.section("PUT, 64 clients, with a name longer than the column", figures).unwrap();
        report.section("idle", vec![Figure::new("spurious answers", "", &[0.0, 0.0])]).unwrap();
        report
    }

    #[test]
    fn numbers_are_short_and_grouped() {
        let cases = [
            (0.0, "0"),
            (0.1234, "0.123"),
            (0.9999, "1.00"),
            (3.4066, "3.41"),
            (9.999, "10.0"),
            (99.96, "100"),
            (146.4, "146"),
            (1_234_567.8, "1,234,568"),
            (-1234.0, "-1,234"),
            (f64::NAN, "NaN"),
        ];
        for (value, expected) in cases {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn a_line_gives_both_values_and_their_ratio() {
        let figure = Figure::new("rate", "req/s", &[31_000.0, 9_100.0]);
        assert_eq!(figure.phrase(), "rate 31,000 against 9,100 req/s (3.41)");
        assert_eq!(Figure::new("rate", "req/s", &[31_000.0]).phrase(), "rate 31,000 req/s");
        assert_eq!(Figure::new("rate", "req/s", &[1.0, 0.0]).phrase(), "rate 1.00 against 0 req/s");
    }

    #[test]
    fn the_table_shows_every_figure() {
        let expected = "                    \
             target   peer  target/peer  unit\n\
             PUT, 64 clients, with a name longer than the column\n\
             \x20 rate              31,000  9,100         3.41  req/s\n\
             \x20 CPU per request     22.0    146        0.151  µs\n\
             idle\n\
             \x20 spurious answers       0      0\n";
        assert_eq!(report().table(), expected);
    }

    #[test]
    fn the_json_file_holds_values_units_and_ratios() {
        let path = std::env::temp_dir().join(format!("quorate-bench-report-{}.json", std::process::id()));
        report().finish(Some(&path)).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        std::fs::remove_file(&path).unwrap();
        let rate = &json["sections"][0]["figures"][0];
        assert_eq!((&rate["unit"], &rate["target"]), (&"req/s".into(), &31_000.0.into()));
        assert!((rate["ratio"].as_f64().unwrap() - 3.4066).abs() < 1e-4);
        assert_eq!(json["conditions"][0], "2 cores");
    }
}
