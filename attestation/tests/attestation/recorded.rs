//! Where recorded evidence lies: in the folder that `SYNOD_VECTORS` names, or beside the
//! repository.
#![allow(
    clippy::disallowed_methods,
    reason = "the vectors are files beside the repository, in a folder that a variable may name"
)]

use std::path::{Path, PathBuf};

/// The folder of recorded evidence, or a part of it; none, loudly, where it is absent.
pub(crate) fn vectors(part: &str) -> Option<PathBuf> {
    let path = std::env::var_os("SYNOD_VECTORS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors"),
        PathBuf::from,
    );
    let path = path.join(part);
    if path.is_dir() {
        return Some(path);
    }
    println!("SKIP SKIP SKIP: no vectors in {}", path.display());
    None
}
