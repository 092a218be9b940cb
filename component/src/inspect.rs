//! What a component can and cannot do, from its imports, exports and manifest alone. Nothing is
//! run.
//!
//! The bound is the host's: a component is offered nothing but what it imports, so what it does not
//! import it cannot do, whoever wrote it. Sentences come in one order, so two statements can be
//! compared line by line.

use serde::{Deserialize, Serialize};
use synod_crypto::sha256;
use synod_governance::app::AppManifest;
use synod_kv::PUBLIC_PREFIX;

use crate::anatomy::{Anatomy, dissect};
use crate::compile::check_names;
use crate::error::ComponentError;
use crate::world::{HTTP, LIFECYCLE, Origin, Wanted, full_name, origin};

/// A statement of what a component can and cannot do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// SHA-256 of the component, in hexadecimal: what governance records.
    pub digest: String,
    /// Its size, in bytes.
    pub bytes: u64,
    /// The package of interfaces that it is built for, with its version.
    pub wit: String,
    /// The interfaces that it imports, by their full names, sorted.
    pub imports: Vec<String>,
    /// The interfaces that it exports, likewise.
    pub exports: Vec<String>,
    /// What the manifest says, if one was given.
    pub manifest: Option<ManifestStatement>,
    /// What it can do.
    pub can: Vec<Statement>,
    /// What it cannot do.
    pub cannot: Vec<Statement>,
}

/// What bears on the statement, from the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestStatement {
    /// SHA-256 over the manifest's meaning, in hexadecimal.
    pub digest: String,
    /// The app's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The interfaces that may be imported, by their short names, sorted.
    pub admits: Vec<String>,
    /// The maps, as the component names them, sorted; public ones begin with `public:`.
    pub maps: Vec<String>,
    /// Whether an instance serves many calls, one after another.
    pub reuse: bool,
    /// Whether requests are recorded, sealed, with their transactions.
    pub replayable: bool,
}

/// One thing that a component can or cannot do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// What it is about, in a word that does not change: `maps`, `network`.
    pub about: String,
    /// The sentence, beginning with a verb: `read the map accounts`.
    pub text: String,
}

/// Says what a component can and cannot do. With a manifest, also whether the manifest admits it.
pub fn inspect(
    component: &[u8],
    manifest: Option<&AppManifest>,
) -> Result<Capabilities, ComponentError> {
    let anatomy = dissect(component)?;
    check_names(&anatomy, manifest)?;
    let (can, cannot) = statements(&anatomy, manifest);
    Ok(Capabilities {
        digest: sha256(&[component]).to_string(),
        bytes: component.len() as u64,
        wit: Wanted.to_string(),
        imports: anatomy.imports,
        exports: anatomy.exports,
        manifest: manifest.map(ManifestStatement::of),
        can,
        cannot,
    })
}

impl Capabilities {
    /// The imports beyond these, which may be named in full or in short (`maps`). Types alone are
    /// no import.
    pub fn beyond<S: AsRef<str>>(&self, allowed: &[S]) -> Vec<String> {
        let is_allowed = |name: &str| {
            let short = match origin(name) {
                Origin::Ours(short) => short,
                _ => name,
            };
            let allows = |allowed: &S| [name, short].contains(&allowed.as_ref());
            short == HTTP || allowed.iter().any(allows)
        };
        let beyond = self.imports.iter().filter(|name| !is_allowed(name));
        beyond.cloned().collect()
    }
}

impl ManifestStatement {
    fn of(manifest: &AppManifest) -> Self {
        Self {
            digest: manifest.digest().to_string(),
            name: manifest.name().to_string(),
            version: manifest.version().to_owned(),
            admits: manifest
                .imports()
                .iter()
                .map(|&short| short.to_owned())
                .collect(),
            maps: maps(manifest),
            reuse: manifest.reuse(),
            replayable: manifest.replayable(),
        }
    }
}

/// The maps as the component names them: private ones, then public ones.
fn maps(manifest: &AppManifest) -> Vec<String> {
    let public = manifest.public_maps().iter();
    let public = public.map(|name| format!("{PUBLIC_PREFIX}{name}"));
    manifest
        .private_maps()
        .iter()
        .cloned()
        .chain(public)
        .collect()
}

/// What is said of each interface: if it is imported, and if it is not.
const OF_IMPORTS: [(&str, &str, &str); 6] = [
    (
        "caller",
        "see who calls: the kind, name, roles and verified claims of the caller",
        "see who calls",
    ),
    (
        "transaction",
        "see the id of its transaction",
        "see the id of its transaction",
    ),
    (
        "ledger-time",
        "see the ledger's time: that of the newest block, which replicas agree on",
        "see what time it is",
    ),
    (
        "claims",
        "bind digests into the receipt of its transaction",
        "bind claims into receipts",
    ),
    (
        "random",
        "draw random numbers, from a seed that is recorded, sealed, with its transaction",
        "answer by chance: the same request of the same caller on the same state has the same answer",
    ),
    (
        "log",
        "write to its log, which members and the app's owner can read",
        "write to a log",
    ),
];

/// What no component can do here.
const NEVER: [(&str, &str); 6] = [
    ("network", "reach the network, or any other machine"),
    ("files", "read or write files"),
    ("clock", "read a clock of the machine, or wait"),
    (
        "environment",
        "see the machine's environment, arguments or input",
    ),
    ("processes", "start threads or processes"),
    (
        "others",
        "reach other apps, their maps, or the service's own tables and keys",
    ),
];

fn statements(
    anatomy: &Anatomy,
    manifest: Option<&AppManifest>,
) -> (Vec<Statement>, Vec<Statement>) {
    let imports = |short: &str| anatomy.imports.contains(&full_name(short));
    let mut lists = Lists::default();
    lists.can("requests", "answer requests to its routes".to_owned());
    let maps = manifest.map(maps);
    lists.put(
        imports("maps"),
        "maps",
        reading(maps.as_deref()),
        "read any map",
    );
    lists.put(
        imports("map-writes"),
        "map-writes",
        writing(maps.as_deref()),
        "write any map",
    );
    for (short, can, cannot) in OF_IMPORTS {
        lists.put(imports(short), short, can.to_owned(), cannot);
    }
    let migrates = anatomy.exports.contains(&full_name(LIFECYCLE));
    let prepares = "prepare its own maps when it is set, and change their form when it is upgraded";
    lists.put(
        migrates,
        LIFECYCLE,
        prepares.to_owned(),
        "run when it is set or upgraded",
    );
    match manifest.map(AppManifest::reuse) {
        Some(false) => lists.cannot("memory", "remember anything between calls but in its maps"),
        Some(true) => lists.can(
            "memory",
            "remember things between calls, beside its maps".to_owned(),
        ),
        None => lists.can(
            "memory",
            "remember things between calls, beside its maps, if its manifest says `reuse`"
                .to_owned(),
        ),
    }
    for (about, cannot) in NEVER {
        lists.cannot(about, cannot);
    }
    (lists.can, lists.cannot)
}

fn reading(maps: Option<&[String]>) -> String {
    match maps {
        None => "read the maps that its manifest declares".to_owned(),
        Some([]) => "read maps, but its manifest declares none".to_owned(),
        Some(maps) => format!("read the {}", named(maps)),
    }
}

fn writing(maps: Option<&[String]>) -> String {
    let Some(maps) = maps else {
        return "write the maps that its manifest declares, public ones for everybody to read"
            .to_owned();
    };
    let is_public = |name: &&String| name.starts_with(PUBLIC_PREFIX);
    let public: Vec<String> = maps.iter().filter(is_public).cloned().collect();
    if maps.is_empty() {
        return "write maps, but its manifest declares none".to_owned();
    }
    let written = format!("write the {}", named(maps));
    if public.is_empty() {
        return format!("{written}, all of them private");
    }
    format!(
        "{written}; what is in {} everybody can read",
        public.join(", ")
    )
}

fn named(maps: &[String]) -> String {
    let noun = if maps.len() == 1 { "map" } else { "maps" };
    format!("{noun} {}", maps.join(", "))
}

/// The two lists in the making.
#[derive(Default)]
struct Lists {
    can: Vec<Statement>,
    cannot: Vec<Statement>,
}

impl Lists {
    fn can(&mut self, about: &str, text: String) {
        let about = about.to_owned();
        self.can.push(Statement { about, text });
    }

    fn cannot(&mut self, about: &str, text: &str) {
        let (about, text) = (about.to_owned(), text.to_owned());
        self.cannot.push(Statement { about, text });
    }

    fn put(&mut self, whether: bool, about: &str, can: String, cannot: &str) {
        if whether {
            self.can(about, can);
        } else {
            self.cannot(about, cannot);
        }
    }
}
