//! Writes the OpenAPI document of each surface into the folder given, or with `--check` says which
//! files differ. `cargo xtask openapi` runs it.

#![expect(clippy::print_stderr, reason = "a tool speaks to its terminal")]

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let check = arguments.iter().any(|argument| argument == "--check");
    let folder = arguments.iter().find(|argument| !argument.starts_with("--"));
    let folder = Path::new(folder.map_or("docs/openapi", String::as_str));
    fs::create_dir_all(folder)?;
    let mut code = ExitCode::SUCCESS;
    for (name, text) in clientbook_api::documents() {
        let path = folder.join(format!("{name}.json"));
        if !check {
            fs::write(&path, text)?;
        } else if fs::read(&path).unwrap_or_default() != text {
            let path = path.display();
            eprintln!("{path}:1: is not what the code says: run `cargo xtask openapi`, review");
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
