//! What stands next to a receipt: the request and the answer that it must bind, as digests.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use synod_client::Bound;

/// The file `FILE.bound` next to the receipt `FILE`, in JSON. It holds no value, only digests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BoundFile {
    /// The transaction.
    pub(crate) transaction_id: String,
    /// What the receipt must bind.
    pub(crate) bound: Bound,
}

impl BoundFile {
    /// Where it stands.
    pub(crate) fn path_for(receipt: &Path) -> PathBuf {
        let mut path = receipt.as_os_str().to_owned();
        path.push(".bound");
        path.into()
    }

    /// The text of the file.
    pub(crate) fn to_json(&self) -> String {
        let mut text = serde_json::to_string(self).expect("strings and numbers are JSON");
        text.push('\n');
        text
    }
}
