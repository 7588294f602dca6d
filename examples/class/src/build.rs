//! The programs that students edit: each is a crate of its own, so that one that does not compile
//! stops no other.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lab::Lab;

/// What came of building one.
pub(crate) enum Starter {
    /// How to start it.
    Built(Command),
    /// What the compiler says.
    Broken(String),
}

/// Builds the starter of a lab as this program was built: into the same folder, with the same
/// profile.
pub(crate) fn starter(lab: &Lab) -> Starter {
    let name = format!("lab-{}", lab.number);
    let here = env::current_exe().unwrap_or_default();
    // `target/debug/class`; tests of the class are in `target/debug/deps`.
    let folder = here.parent().map(Path::to_path_buf).unwrap_or_default();
    let target = folder.parent().map(Path::to_path_buf).unwrap_or_default();
    let cargo = env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--package", "class", "--example", &name]);
    build.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    build.arg("--target-dir").arg(target);
    if folder.ends_with("release") {
        build.arg("--release");
    }
    let colour = anstream::stdout().current_choice() != anstream::ColorChoice::Never;
    build.args(["--color", if colour { "always" } else { "never" }]);
    match build.output() {
        Ok(built) if built.status.success() => {
            Starter::Built(Command::new(folder.join("examples").join(name)))
        }
        Ok(built) => Starter::Broken(String::from_utf8_lossy(&built.stderr).into_owned()),
        Err(error) => Starter::Broken(format!("cargo cannot be run: {error}")),
    }
}
