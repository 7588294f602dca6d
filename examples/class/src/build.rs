//! The programs that students edit: each is a crate of its own, so that one that does not compile
//! stops no other.

use std::env;
use std::io::IsTerminal;
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

/// Builds the starter of a lab.
pub(crate) fn starter(lab: &Lab) -> Starter {
    let name = format!("lab-{}", lab.number);
    match cargo_build().args(["--example", &name]).output() {
        Ok(built) if built.status.success() => {
            Starter::Built(Command::new(folder().join("examples").join(name)))
        }
        Ok(built) => Starter::Broken(String::from_utf8_lossy(&built.stderr).into_owned()),
        Err(error) => Starter::Broken(format!("cargo cannot be run: {error}")),
    }
}

/// Builds all that can be built, side by side: what is wrong, [`starter`] says of each.
pub(crate) fn starters() {
    let _ = cargo_build().args(["--examples", "--keep-going"]).output();
}

/// As this program was built: into the same folder, with the same profile.
fn cargo_build() -> Command {
    let (folder, own) = (folder(), env!("CARGO_MANIFEST_DIR").into());
    let mut build = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    build.args(["build", "--quiet", "--package", "class", "--manifest-path"]);
    // `cargo run` says where the package is: it may have been moved since it was built.
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or(own));
    build.arg(package.join("Cargo.toml"));
    build.arg("--target-dir").arg(folder.parent().unwrap_or(Path::new("target")));
    if folder.ends_with("release") {
        build.arg("--release");
    }
    build.args(["--color", if std::io::stdout().is_terminal() { "always" } else { "never" }]);
    build
}

/// The folder of this program, as `target/debug`.
fn folder() -> PathBuf {
    let here = env::current_exe().unwrap_or_default();
    here.parent().map(Path::to_path_buf).unwrap_or_default()
}
