//! What a binary tells of itself beside `--help`, made from the same definition: its manual page, and what completes its
//! commands in a shell.

use clap::{Command, Subcommand};
use clap_complete::Shell;
use std::io::{self, Write};

/// Commands that both binaries have.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Manual {
    /// Writes the manual page to stdout, for man(1)
    Manual,
    /// Writes what completes the commands in a shell to stdout
    Completions {
        /// Which shell
        shell: Shell,
    },
}

impl Manual {
    /// Writes what is asked for of `command` to stdout.
    ///
    /// # Errors
    /// A stdout that takes nothing.
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
    fn both_are_made_from_the_definition() {
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
