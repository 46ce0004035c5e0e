//! Prints figures as soon as they are measured: the median, and the lowest and highest round in brackets.

use crate::samples::Samples;
use std::fs;

/// Prints what is needed to compare this run with another one.
pub(crate) fn print_environment(rounds: usize) {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    println!("kernel: {}", read("/proc/sys/kernel/osrelease").trim());
    println!("cores: {}", read("/sys/devices/system/cpu/online").trim());
    println!("load average: {}", read("/proc/loadavg").trim());
    println!("rounds: {rounds}; median (lowest - highest)");
}

/// Prints the title of a group of figures.
pub(crate) fn print_title(title: &str) {
    println!("\n{title}");
}

/// Prints a figure.
pub(crate) fn print_figure(name: &str, unit: &str, samples: &Samples) {
    println!("  {name:<50} {} {unit}", summary(samples));
}

/// Prints a figure, and its ratio to the same figure of each control.
pub(crate) fn print_comparison(
    name: &str,
    unit: &str,
    samples: &Samples,
    controls: &[(&str, &Samples)],
) {
    print_figure(name, unit, samples);
    for (control, theirs) in controls {
        let ratio = summary(&samples.ratios(theirs));
        let theirs = summary(theirs);
        println!("      {ratio} x {control}, which has {theirs} {unit}");
    }
}

/// Prints a remark about the figure above it.
pub(crate) fn print_note(note: &str) {
    println!("      {note}");
}

/// Prints why a part of the benchmark has no figures.
pub(crate) fn print_failure(part: &str, error: &anyhow::Error) {
    println!("  {part} was not measured: {error:#}");
}

fn summary(samples: &Samples) -> String {
    let [low, median, high] = [0, 50, 100].map(|percent| samples.percentile(percent));
    if samples.len() < 2 {
        return three_digits(median);
    }
    format!(
        "{} ({} - {})",
        three_digits(median),
        three_digits(low),
        three_digits(high)
    )
}

/// A number with three significant digits.
fn three_digits(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        size if size >= 1.0 => format!("{number:.2}"),
        0.0 => "0".to_owned(),
        _ => format!("{number:.3}"),
    }
}
