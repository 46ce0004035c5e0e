//! The goals, and whether this run has met them.

/// The goals that were measured so far.
#[derive(Default)]
pub(super) struct Goals(Vec<Goal>);

struct Goal {
    what: String,
    goal: String,
    figure: String,
    is_met: bool,
}

impl Goals {
    /// Records a figure whose goal is to be at most `limit`.
    pub(super) fn at_most(&mut self, what: &str, unit: &str, limit: f64, figure: f64) {
        // A figure that is not a number meets no goal.
        self.0.push(Goal {
            what: what.to_owned(),
            goal: format!("<= {limit} {unit}"),
            figure: format!("{figure:.2} {unit}"),
            is_met: figure <= limit,
        });
    }

    /// Records a figure whose goal is a number.
    pub(super) fn exactly(&mut self, what: &str, goal: usize, figure: usize) {
        self.0.push(Goal {
            what: what.to_owned(),
            goal: goal.to_string(),
            figure: figure.to_string(),
            is_met: figure == goal,
        });
    }

    /// Prints the table.
    pub(super) fn print(&self) {
        println!("\n  {:<58} {:>18} {:>18}", "goal", "", "measured");
        for Goal {
            what,
            goal,
            figure,
            is_met,
        } in &self.0
        {
            let verdict = if *is_met { "met" } else { "MISSED" };
            println!("  {what:<58} {goal:>18} {figure:>18}  {verdict}");
        }
    }
}
