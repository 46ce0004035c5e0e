//! Writes a report as text: headings, a mark for each finding, and the advice indented below it.

use crate::check::findings::{Finding, Report, Verdict};
use std::fmt::Write as _;

/// The width of a line in columns. Most terminals have at least this width.
const WIDTH: usize = 100;
/// The width of the column with the names of what was checked.
const NAME_WIDTH: usize = 18;
const INDENT: usize = 4 + NAME_WIDTH;
/// The longest unit: `rows,`.
const UNIT_LENGTH: usize = 5;

/// Returns the report as text. `colours` is for terminals.
pub fn text(report: &Report, colours: bool) -> String {
    let paint = |code: &str, text: &str| {
        if colours {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    };
    let mut out = String::new();
    let mut topic = None;
    for finding in &report.findings {
        if topic.replace(finding.topic) != Some(finding.topic) {
            let blank_line = if out.is_empty() { "" } else { "\n" };
            let _ = writeln!(out, "{blank_line}{}", paint("1", finding.topic.title()));
        }
        let mark = match finding.verdict {
            Verdict::Ok => paint("32", "✓"),
            Verdict::Advice => paint("33", "!"),
            Verdict::Broken => paint("31", "✗"),
        };
        let _ = write!(out, "  {mark} {:NAME_WIDTH$}", finding.about);
        let name_length = finding.about.chars().count();
        if name_length >= NAME_WIDTH {
            let _ = write!(out, "\n{:INDENT$}", "");
        }
        wrap(&mut out, &finding.what);
        write_advice(&mut out, finding);
    }
    let _ = writeln!(out, "\n{}", paint("1", &summary(report)));
    out
}

fn write_advice(out: &mut String, finding: &Finding) {
    if let Some(advice) = &finding.advice {
        let _ = write!(out, "{:INDENT$}", "");
        wrap(out, &format!("→ {advice}"));
    }
    // A statement is not wrapped, so that it can be copied.
    for statement in &finding.run {
        let _ = writeln!(out, "{:INDENT$}    {statement}", "");
    }
}

/// Writes text in lines of `WIDTH` columns. The first line already has its indent. A number stays with its unit.
fn wrap(out: &mut String, text: &str) {
    let mut column = INDENT;
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        let is_number = word.starts_with(|c: char| c.is_ascii_digit()) && !word.ends_with(',');
        let unit = words.next_if(|next| is_number && next.len() <= UNIT_LENGTH);
        let unit = unit.map_or(String::new(), |unit| format!(" {unit}"));
        let width = word.chars().count() + unit.chars().count();
        if column > INDENT && column + 1 + width > WIDTH {
            let _ = write!(out, "\n{:INDENT$}", "");
            column = INDENT;
        } else if column > INDENT {
            out.push(' ');
            column += 1;
        }
        let _ = write!(out, "{word}{unit}");
        column += width;
    }
    out.push('\n');
}

fn summary(report: &Report) -> String {
    let count = |verdict| {
        let findings = report.findings.iter();
        findings
            .filter(|finding| finding.verdict == verdict)
            .count()
    };
    let (verb, advice) = match count(Verdict::Advice) {
        0 => ("", String::new()),
        1 => ("is", "1 piece of advice (!)".to_owned()),
        more => ("are", format!("{more} pieces of advice (!)")),
    };
    match report.verdict {
        Verdict::Ok => "Everything is fine: start the worker.".to_owned(),
        Verdict::Advice => format!("The worker can start. There {verb} {advice}."),
        Verdict::Broken => {
            let comma = if advice.is_empty() { "" } else { ", and " };
            let lines = match count(Verdict::Broken) {
                1 => "line",
                _ => "lines",
            };
            format!("The worker cannot work: see the {lines} marked ✗{comma}{advice}.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::findings::Topic;
    use shared::time::Clock;

    fn report() -> Report {
        let long = "many words ".repeat(20);
        let findings = vec![
            Finding::ok(Topic::Database, "server", "MariaDB"),
            Finding::ok(Topic::Figures, "today", long.trim())
                .advise("make an index")
                .run(["CREATE".to_owned()]),
        ];
        Report::new(Clock::system().now(), findings)
    }

    #[test]
    fn lines_are_short_and_aligned() {
        let text = text(&report(), false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["Database", "  ✓ server            MariaDB"]);
        assert!(
            lines.iter().all(|line| line.chars().count() <= WIDTH),
            "{text}"
        );
        let line_number = |start: &str| {
            lines
                .iter()
                .position(|line| line.starts_with(start))
                .unwrap()
        };
        let today = line_number("  ! today             many words");
        assert!(
            lines[today + 1].starts_with("                      many"),
            "{text}"
        );
        let advice = line_number("                      → make an index");
        assert_eq!(lines[advice + 1], "                          CREATE");
        assert_eq!(
            lines.last().unwrap(),
            &"The worker can start. There is 1 piece of advice (!)."
        );
    }

    #[test]
    fn colours_do_not_change_the_text() {
        let plain = text(&report(), false);
        let mut coloured = text(&report(), true);
        assert_ne!(coloured, plain);
        for code in ["0", "1", "31", "32", "33"] {
            coloured = coloured.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(coloured, plain);
    }
}
