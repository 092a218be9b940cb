//! A set of recorded evidence: a folder with a `meta.json` that says what to expect of it.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use synod_attestation::eventlog::Kind;
use synod_attestation::{Endorsements, Evidence, SnpEndorsements, Tee};

use crate::commands::attest::material::{self, Material};
use crate::files;
use crate::outcome::{Failure, Outcome};

/// What `meta.json` says, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Meta {
    /// What to expect.
    pub(super) expect: Expect,
}

/// What a set expects. What is missing is not judged.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
pub(super) struct Expect {
    /// The time to judge at, in Unix seconds.
    pub(super) at: Option<u64>,
    /// Whether the evidence is genuine up to its vendor's root.
    pub(super) authentic: Option<bool>,
    /// Whether the baseline policy accepts it.
    pub(super) accept: Option<bool>,
    /// Why.
    #[serde(default)]
    pub(super) why: Option<String>,
}

/// A set.
#[derive(Debug)]
pub(super) struct Set {
    /// Its folder's name, with the group before it: `tdx/oak-oc-…`.
    pub(super) id: String,
    /// The group of folders that it stands in: `tdx`.
    pub(super) group: String,
    /// Its folder.
    pub(super) folder: PathBuf,
    /// What to expect.
    pub(super) expect: Expect,
}

/// Names that evidence has in sets, the likeliest first.
const EVIDENCE_NAMES: [&str; 9] = [
    "quote.bin",
    "report.bin",
    "attestation_doc.cbor",
    "quote.dat",
    "evidence.bin",
    "quote.hex",
    "report.hex",
    "document.cbor",
    "attestation.bin",
];

/// Names that event logs have in sets.
const LOG_NAMES: [(&str, Kind); 3] = [
    ("ccel_data.bin", Kind::Ccel),
    ("ccel.bin", Kind::Ccel),
    ("event_log.json", Kind::Dstack),
];

/// How deep sets may lie.
const DEPTH_MAX: usize = 3;

/// Finds the sets below `folder`, by name.
pub(super) fn find(folder: &Path) -> Outcome<Vec<Set>> {
    let mut sets = Vec::new();
    walk(folder, folder, DEPTH_MAX, &mut sets)?;
    sets.sort_by(|a, b| a.id.cmp(&b.id));
    if sets.is_empty() {
        return Err(Failure::mistake(format!(
            "there is no set with a `meta.json` in `{}`",
            folder.display()
        )));
    }
    Ok(sets)
}

fn walk(root: &Path, folder: &Path, depth: usize, sets: &mut Vec<Set>) -> Outcome {
    let failed =
        |error: std::io::Error| Failure::io(format!("cannot read `{}`", folder.display()), &error);
    let meta = folder.join("meta.json");
    if meta.is_file() {
        sets.push(Set::read(root, folder, &meta)?);
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            walk(root, &path, depth - 1, sets)?;
        }
    }
    Ok(())
}

impl Set {
    fn read(root: &Path, folder: &Path, meta: &Path) -> Outcome<Self> {
        let bytes = files::read(meta)?;
        let wrong = |error| Failure::mistake(format!("`{}`: {error}", meta.display()));
        let meta: Meta = serde_json::from_slice(&bytes).map_err(wrong)?;
        let below = folder.strip_prefix(root).unwrap_or(folder);
        // A folder that is itself a set, or a group of them, is named as its parent names it.
        let named: PathBuf = match below.components().count() {
            0 => folder
                .components()
                .rev()
                .take(2)
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
                .collect(),
            1 => Path::new(root.file_name().unwrap_or_default()).join(below),
            _ => below.to_owned(),
        };
        let group = named
            .components()
            .next()
            .map(|part| part.as_os_str().to_string_lossy().into_owned());
        Ok(Self {
            id: named.to_string_lossy().into_owned(),
            group: group.unwrap_or_default(),
            folder: folder.to_owned(),
            expect: meta.expect,
        })
    }

    /// The kind of TEE that the set's group is of, if it is one that is supported.
    pub(super) fn tee(&self) -> Option<Tee> {
        match self.group.as_str() {
            "snp" | "sev-snp" => Some(Tee::SevSnp),
            // Their logs belong to a trust domain's quote next to them.
            "tdx" | "ccel" | "dstack" => Some(Tee::Tdx),
            "sgx" => Some(Tee::Sgx),
            "nitro" => Some(Tee::Nitro),
            _ => None,
        }
    }

    /// The AMD certificates of the set by their names, whether they fit the report or not.
    pub(super) fn amd_certificates(&self) -> Option<Endorsements> {
        let read = |names: [&str; 2]| {
            let path = names
                .iter()
                .map(|name| self.folder.join(name))
                .find(|path| path.is_file())?;
            files::read(&path).ok()
        };
        Some(Endorsements::Snp(SnpEndorsements {
            signer: read(["vcek.der", "vlek.der"])?,
            intermediate: read(["ask.der", "asvk.der"])?,
            root: read(["ark.der", "root.der"])?,
            crl: read(["crl.der", "crl"]),
        }))
    }

    /// The set's evidence, with its event logs; `None` if it holds none in a known form.
    pub(super) fn evidence(&self, tee: Tee) -> Outcome<Option<Evidence>> {
        let named = EVIDENCE_NAMES
            .iter()
            .map(|name| self.folder.join(name))
            .find(|path| path.is_file());
        let Some(path) = named else { return Ok(None) };
        let unfit = |error| Failure::not_verified(format!("{error}"));
        let bytes = files::read(&path)?;
        // Bytes that no TEE makes are judged as those of the TEE that the set is about.
        let mut evidence = match material::of_bytes(bytes.clone()) {
            Some(Material::Evidence(evidence)) => *evidence,
            _ => Evidence::new(tee, bytes).map_err(unfit)?,
        };
        for (name, kind) in LOG_NAMES {
            let path = self.folder.join(name);
            if evidence.tee() == Tee::Tdx && path.is_file() {
                evidence = evidence
                    .with_log(kind, files::read(&path)?)
                    .map_err(unfit)?;
            }
        }
        Ok(Some(evidence))
    }
}
