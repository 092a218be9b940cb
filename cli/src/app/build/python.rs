//! Python: the builder that comes with the guest library, run by the interpreter of the folder's
//! `.venv`, or else the one on the path.

use crate::app::project::Project;
use crate::app::tool::Tool;
use crate::outcome::{Failure, Outcome};

const ARGS: [&str; 2] = ["-m", "synod_app.build"];
const INSTALL: &str =
    "make one for it: `python3 -m venv .venv && .venv/bin/pip install -r requirements.txt`";

/// Runs the builder, and gives the component that it left next to the manifest.
pub(crate) fn build(project: &Project) -> Outcome<Vec<u8>> {
    let own = project.dir.join(".venv/bin/python");
    let own = std::path::absolute(&own).unwrap_or(own);
    let program = if own.exists() {
        own.to_string_lossy().into_owned()
    } else {
        "python3".to_owned()
    };
    let python = Tool {
        program: &program,
        hint: "install Python 3.10 or newer with its venv module",
    };
    let said = python.run(&project.dir, &ARGS)?;
    if said.status.success() {
        return project.component();
    }
    if let Some(module) = missing_module(&said.stderr) {
        return Err(Failure::mistake(format!("Python has no module `{module}`")).with_hint(INSTALL));
    }
    said.show();
    Err(python.failed(&ARGS, &said))
}

/// The module of which Python says that it is not there.
fn missing_module(stderr: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    let (_, after) = text.split_once("No module named ")?;
    let name: String = after
        .trim_start_matches('\'')
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
        .collect();
    Some(name.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::missing_module;

    #[test]
    fn module_that_python_misses_is_named() {
        for (said, name) in [
            ("/usr/bin/python3: No module named synod_app\n", "synod_app"),
            (
                "Error while finding module specification for 'synod_app.build' (ModuleNotFoundError: No module named 'synod_app')",
                "synod_app",
            ),
            (
                "ModuleNotFoundError: No module named 'componentize_py'\n",
                "componentize_py",
            ),
        ] {
            assert_eq!(missing_module(said.as_bytes()).as_deref(), Some(name));
        }
        assert_eq!(missing_module(b"SyntaxError"), None);
    }
}
