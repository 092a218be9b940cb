//! Folders of endorsements: read in the shapes that people have, written in
//! one of them.
//!
//! Invariants:
//! - plain files only, a folder's own and those one level below, bounded in
//!   number and size;
//! - what is written is read back the same.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use serde_json::json;
use synod_attestation::{Endorsements, IntelCollateral, SnpEndorsements};

use crate::{bundle::Bundle, certificate::Certificate, error::EndorserError};

/// The most files that are looked at in a folder.
pub const FILES_MAX: usize = 512;
/// The longest file that is looked at, in bytes.
pub const FILE_BYTES_MAX: usize = Endorsements::BYTES_MAX;

/// Reads everything in a folder that is a piece of endorsements.
pub fn read(folder: &Path) -> Result<Bundle, EndorserError> {
    let mut bundle = Bundle::default();
    for path in files(folder).map_err(failed(folder))? {
        // A file that cannot be read is as good as absent; what is lacking in
        // the end is said.
        if let Ok(Some(bytes)) = read_file(&path) {
            bundle.take(&bytes);
        }
    }
    Ok(bundle)
}

/// Writes endorsements into a folder, which is made if need be: Intel's as
/// `collateral.json`, AMD's as `vcek.der` or `vlek.der`, `ask.der` or
/// `asvk.der`, `ark.der` and `crl.der`; those of parts of composite evidence into
/// folders below. Nitro needs none, and none is written.
/// Returns the files.
pub fn write(folder: &Path, endorsements: &Endorsements) -> Result<Vec<PathBuf>, EndorserError> {
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let files = match endorsements {
        Endorsements::Nitro => Vec::new(),
        Endorsements::Composite(_) => return write_parts(folder, endorsements),
        Endorsements::Intel(collateral) => {
            vec![("collateral.json", collateral_json(collateral).into_bytes())]
        }
        Endorsements::Snp(snp) => snp_files(snp),
    };
    let written = files.into_iter().map(|(name, bytes)| {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(failed(&path))?;
        Ok(path)
    });
    written.collect()
}

/// The lead's into the folder, each part's into one below.
fn write_parts(folder: &Path, composite: &Endorsements) -> Result<Vec<PathBuf>, EndorserError> {
    let mut written = write(folder, composite.lead())?;
    for (at, part) in composite.parts().iter().enumerate() {
        let below = folder.join(format!("part-{}", at + 1));
        written.extend(write(&below, part)?);
    }
    Ok(written)
}

/// The fields of [`IntelCollateral`], binary ones in hexadecimal.
pub fn collateral_json(collateral: &IntelCollateral) -> String {
    let mut json = json!({
        "pck_crl_issuer_chain": collateral.pck_crl_issuer_chain,
        "root_ca_crl": hex::encode(&collateral.root_ca_crl),
        "pck_crl": hex::encode(&collateral.pck_crl),
        "tcb_info_issuer_chain": collateral.tcb_info_issuer_chain,
        "tcb_info": collateral.tcb_info,
        "tcb_info_signature": hex::encode(&collateral.tcb_info_signature),
        "qe_identity_issuer_chain": collateral.qe_identity_issuer_chain,
        "qe_identity": collateral.qe_identity,
        "qe_identity_signature": hex::encode(&collateral.qe_identity_signature),
    });
    if let Some(chain) = &collateral.pck_certificate_chain {
        json["pck_certificate_chain"] = json!(chain);
    }
    format!("{json:#}\n")
}

fn snp_files(snp: &SnpEndorsements) -> Vec<(&'static str, Vec<u8>)> {
    let signer = Certificate::parse(&snp.signer);
    let vlek = signer.is_some_and(|signer| signer.common_name() == "SEV-VLEK");
    let (signer, intermediate) = if vlek {
        ("vlek.der", "asvk.der")
    } else {
        ("vcek.der", "ask.der")
    };
    let mut files = vec![
        (signer, snp.signer.clone()),
        (intermediate, snp.intermediate.clone()),
        ("ark.der", snp.root.clone()),
    ];
    files.extend(snp.crl.clone().map(|crl| ("crl.der", crl)));
    files
}

/// The folder's files, then those of its folders, each sorted by name.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut files, folders) = entries(folder)?;
    for inner in folders {
        files.extend(entries(&inner).map(|(files, _)| files).unwrap_or_default());
    }
    files.truncate(FILES_MAX);
    Ok(files)
}

fn entries(folder: &Path) -> io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder)?.take(FILES_MAX) {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_file() {
            files.push(entry.path());
        } else if kind.is_dir() {
            folders.push(entry.path());
        }
    }
    files.sort();
    folders.sort();
    Ok((files, folders))
}

/// `None` if the file is longer than any piece of endorsements.
fn read_file(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let bound = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    File::open(path)?.take(bound + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= FILE_BYTES_MAX).then_some(bytes))
}

fn failed(path: &Path) -> impl Fn(io::Error) -> EndorserError {
    move |error| EndorserError::Folder {
        folder: path.to_owned(),
        problem: error.to_string(),
    }
}
