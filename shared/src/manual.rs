//! Generates the manual page and shell completions of a binary from its command-line definition.

use clap::{Command, Subcommand};
use clap_complete::Shell;
use std::io::{self, Write};

/// Commands that both binaries have.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Manual {
    /// Writes the manual page to stdout, for man(1)
    Manual,
    /// Writes shell completions to stdout
    Completions {
        /// The shell
        shell: Shell,
    },
}

impl Manual {
    /// Writes the manual page or completions of `command` to stdout.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub fn write(self, command: Command) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(&self.text(command)?)?;
        stdout.flush()
    }

    fn text(self, mut command: Command) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        match self {
            Self::Manual => clap_mangen::Man::new(command).render(&mut text)?,
            Self::Completions { shell } => {
                let name = command.get_name().to_owned();
                clap_complete::generate(shell, &mut command, name, &mut text);
            }
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manual_and_completions_follow_from_the_definition() {
        let command = || {
            let refresh = Command::new("refresh").about("Makes snapshots");
            Command::new("worker")
                .after_help("PORT")
                .subcommand(refresh)
        };
        let text = |manual: Manual| String::from_utf8(manual.text(command()).unwrap()).unwrap();
        let page = text(Manual::Manual);
        assert!(
            page.contains(".TH worker 1") && page.contains("PORT"),
            "{page}"
        );
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            assert!(text(Manual::Completions { shell }).contains("refresh"));
        }
    }
}
