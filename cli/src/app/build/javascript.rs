//! JavaScript and TypeScript: npm, and the package's own script `build`.

use crate::app::project::Project;
use crate::app::tool::Tool;
use crate::outcome::Outcome;

const NPM: Tool<'static> = Tool {
    program: "npm",
    hint: "install Node.js 20 or newer, which brings npm (https://nodejs.org)",
};

/// Installs what is not there yet, runs the script, and gives the component that it left next to
/// the manifest.
pub(crate) fn build(project: &Project) -> Outcome<Vec<u8>> {
    if !project.dir.join("node_modules").exists() {
        NPM.succeed(
            &project.dir,
            &["install", "--no-audit", "--no-fund", "--loglevel", "error"],
        )?;
    }
    NPM.succeed(&project.dir, &["run", "build", "--silent"])?;
    project.component()
}
