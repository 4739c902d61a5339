//! The command line of pathkernel.

mod cli;

use clap::Parser;

fn main() -> std::process::ExitCode {
    cli::main(cli::Arguments::parse())
}
