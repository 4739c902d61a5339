//! The command line of pathkernel.

fn main() -> std::process::ExitCode {
    pathkernel::cli::main(std::env::args_os()).into()
}
