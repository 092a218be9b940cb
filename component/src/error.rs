//! What can be wrong with a component, before any of it runs.

/// The component cannot be run here; its author is at fault, but for
/// [`ComponentError::Surroundings`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComponentError {
    /// Larger than [`COMPONENT_BYTES_MAX`](crate::COMPONENT_BYTES_MAX).
    #[error("the component of {bytes} bytes is larger than {max}")]
    TooLarge {
        /// Its size, in bytes.
        bytes: usize,
        /// The most there can be.
        max: usize,
    },
    /// The bytes do not begin as WebAssembly does.
    #[error("the bytes are no WebAssembly")]
    NotWasm,
    /// A core module: WebAssembly, but without the types of its interfaces.
    #[error("the bytes are a core module, not a component")]
    CoreModule,
    /// Not what it is said to be.
    #[error("the component has another digest than the members signed: {found}, not {expected}")]
    WrongDigest {
        /// SHA-256 of what is at hand, in hexadecimal.
        found: String,
        /// What was to be at hand.
        expected: String,
    },
    /// Begins as a component does, but is malformed, or uses a proposal of WebAssembly that is not
    /// accepted here.
    #[error("the component is not valid: {0}")]
    Invalid(String),
    /// More of something than a component may have.
    #[error("the component has {found} {what}, more than {max}")]
    TooMany {
        /// What there is too much of, in the plural.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many there can be.
        max: u64,
    },
    /// Built from other components, or passes modules around.
    #[error("the component is composed of others: {0}")]
    Composed(&'static str),
    /// Built for another version of `synod:app`.
    #[error("the component is built for {}, this service offers {wanted}", found.join(", "))]
    WrongVersion {
        /// The interfaces of other versions, as they are named in the component.
        found: Vec<String>,
        /// The package and version that this service offers.
        wanted: String,
    },
    /// Imports what no app is offered.
    #[error("the component imports what the host does not offer: {}", .0.join(", "))]
    UnknownImports(Vec<String>),
    /// Imports what the manifest does not admit.
    #[error("the component imports more than its manifest admits: {}", .0.join(", "))]
    NotAdmitted(Vec<String>),
    /// Offers no answer to requests.
    #[error(
        "the component does not export `{wanted}`; it exports {}",
        listed(found)
    )]
    NoHandler {
        /// What was looked for.
        wanted: String,
        /// What there is.
        found: Vec<String>,
    },
    /// An interface has the right name and another shape.
    #[error("the component's interfaces are not those of synod:app: {0}")]
    WrongShape(String),
    /// Needs more memory to begin with than the manifest admits.
    #[error("the component begins with {needed} bytes of memory, its manifest admits {admitted}")]
    Memory {
        /// What its memories have at the start, together, in bytes.
        needed: u64,
        /// `limits.memory_bytes` of the manifest.
        admitted: u64,
    },
    /// The machine could not provide for it.
    #[error("the component could not be prepared: {0}")]
    Surroundings(String),
}

impl ComponentError {
    /// A stable name of the error. It quotes nothing of the component, as the error's text may.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too-large",
            Self::NotWasm => "not-wasm",
            Self::CoreModule => "core-module",
            Self::WrongDigest { .. } => "wrong-digest",
            Self::Invalid(_) => "invalid",
            Self::TooMany { .. } => "too-many",
            Self::Composed(_) => "composed",
            Self::WrongVersion { .. } => "wrong-version",
            Self::UnknownImports(_) => "unknown-imports",
            Self::NotAdmitted(_) => "not-admitted",
            Self::NoHandler { .. } => "no-handler",
            Self::WrongShape(_) => "wrong-shape",
            Self::Memory { .. } => "memory",
            Self::Surroundings(_) => "surroundings",
        }
    }

    /// What to do about it, where that is not plain from the error.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotWasm => "give the file that `synod app build` made",
            Self::CoreModule => "build a component: `synod app build` does",
            Self::Invalid(_) => {
                "accepted is WebAssembly 2.0 with tail calls, without threads and relaxed SIMD"
            }
            Self::Composed(_) => "build the parts into one component",
            Self::WrongVersion { .. } => "build it again with the guest library of this version",
            Self::UnknownImports(names) if names.iter().any(|name| name.starts_with("wasi:")) => {
                "build it without WASI; `synod app build` does"
            }
            Self::NotAdmitted(names) => {
                let short: Vec<_> = names
                    .iter()
                    .map(|name| format!("{:?}", short(name)))
                    .collect();
                return Some(format!(
                    "admit them in app.toml: add {} to `imports`",
                    short.join(", ")
                ));
            }
            Self::NoHandler { .. } => "build it for the world `app` of synod:app",
            Self::Memory { .. } => "raise `limits.memory_bytes`, or build it with a smaller stack",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// An interface's name without its package and version.
fn short(name: &str) -> &str {
    let name = name.rsplit('/').next().unwrap_or(name);
    name.split('@').next().unwrap_or(name)
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    names.join(", ")
}
