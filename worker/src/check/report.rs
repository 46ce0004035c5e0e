//! The report as people read it: headings, a mark for each line, what to do indented below it.

use crate::check::findings::{Finding, Report, Verdict};
use std::fmt::Write as _;

/// As wide as most terminals are at least.
const WIDTH: usize = 100;
/// Before what was seen: the mark and the name of what was looked at.
const NAMES: usize = 18;
const INDENT: usize = 4 + NAMES;
/// No unit is longer: `rows,`, `days`.
const UNIT: usize = 5;

/// The report as text; with colours for a terminal.
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
            let before = if out.is_empty() { "" } else { "\n" };
            let _ = writeln!(out, "{before}{}", paint("1", finding.topic.title()));
        }
        let mark = match finding.verdict {
            Verdict::Ok => paint("32", "✓"),
            Verdict::Advice => paint("33", "!"),
            Verdict::Broken => paint("31", "✗"),
        };
        let _ = write!(out, "  {mark} {:NAMES$}", finding.about);
        let name = finding.about.chars().count();
        if name >= NAMES {
            let _ = write!(out, "\n{:INDENT$}", "");
        }
        fill(&mut out, &finding.what);
        advice(&mut out, finding);
    }
    let _ = writeln!(out, "\n{}", paint("1", &summary(report)));
    out
}

fn advice(out: &mut String, finding: &Finding) {
    if let Some(advice) = &finding.advice {
        let _ = write!(out, "{:INDENT$}", "");
        fill(out, &format!("→ {advice}"));
    }
    // Whole, so that it can be copied.
    for statement in &finding.run {
        let _ = writeln!(out, "{:INDENT$}    {statement}", "");
    }
}

/// Writes words into lines, the first of which is begun. A number stays with its unit.
fn fill(out: &mut String, text: &str) {
    let mut column = INDENT;
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        let is_number = word.starts_with(|c: char| c.is_ascii_digit()) && !word.ends_with(',');
        let unit = words.next_if(|next| is_number && next.len() <= UNIT);
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
        let of = report.findings.iter();
        of.filter(|finding| finding.verdict == verdict).count()
    };
    let (is, advice) = match count(Verdict::Advice) {
        0 => ("", String::new()),
        1 => ("is", "1 piece of advice (!)".to_owned()),
        more => ("are", format!("{more} pieces of advice (!)")),
    };
    match report.verdict {
        Verdict::Ok => "All is well: start the worker.".to_owned(),
        Verdict::Advice => format!("The worker can start. There {is} {advice}."),
        Verdict::Broken => {
            let comma = if advice.is_empty() { "" } else { ", and " };
            format!("The worker cannot work: see what is marked ✗{comma}{advice}.")
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
        Report::of(Clock::system().now(), findings)
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
        let at = |start: &str| {
            lines
                .iter()
                .position(|line| line.starts_with(start))
                .unwrap()
        };
        let today = at("  ! today             many words");
        assert!(
            lines[today + 1].starts_with("                      many"),
            "{text}"
        );
        let advice = at("                      → make an index");
        assert_eq!(lines[advice + 1], "                          CREATE");
        assert_eq!(
            lines.last().unwrap(),
            &"The worker can start. There is 1 piece of advice (!)."
        );
    }

    #[test]
    fn colours_change_no_word() {
        let plain = text(&report(), false);
        let mut coloured = text(&report(), true);
        assert_ne!(coloured, plain);
        for code in ["0", "1", "31", "32", "33"] {
            coloured = coloured.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(coloured, plain);
    }
}
