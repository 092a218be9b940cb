//! What a client takes from block 0 once its hash is the pin: the service's row with the manifest's
//! digest, which founders' statements name as their context, the members, whose signatures open the
//! network, and the appraisal policy that they wrote.

use synod_attestation::Policy;
use synod_governance::{Malformed, MemberEntry, ServiceRecord, map};
use synod_ledger::{Block, public_writes};

const SERVICE: &[u8] = b"service";
const POLICY: &[u8] = b"policy";

/// Who founded a network, and by which rules.
#[derive(Clone, Debug)]
pub(crate) struct Founding {
    pub(crate) service: ServiceRecord,
    pub(crate) members: Vec<MemberEntry>,
}

/// Block 0 does not say who founded the network. Whoever wrote it is at fault, or this program is
/// too old or too new.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoundingError {
    /// There is no row of the service.
    #[error("it does not contain a founding")]
    NoService,
    /// A row cannot be read.
    #[error("a row of `{map}` cannot be read: {error}")]
    Row {
        /// The map.
        map: &'static str,
        /// Why.
        error: Malformed,
    },
}

impl Founding {
    /// Reads the service's row and the members.
    pub(crate) fn read(block0: &Block) -> Result<Self, FoundingError> {
        let row = |map| move |error| FoundingError::Row { map, error };
        let service = find(block0, map::SERVICE, SERVICE).ok_or(FoundingError::NoService)?;
        let members = rows(block0, map::MEMBERS).into_iter();
        Ok(Self {
            service: ServiceRecord::decode(service).map_err(row(map::SERVICE))?,
            members: members
                .map(|(_, member)| MemberEntry::decode(member))
                .collect::<Result<_, _>>()
                .map_err(row(map::MEMBERS))?,
        })
    }
}

/// The appraisal policy that block 0 names.
///
/// # Errors
/// Why block 0 has no policy that this program can read.
pub(crate) fn policy(block0: &Block) -> Result<Policy, String> {
    let text = find(block0, map::POLICY, POLICY).ok_or("there is none")?;
    let text = std::str::from_utf8(text).map_err(|_| "it is not text")?;
    Policy::from_toml(text).map_err(|error| error.to_string())
}

/// A row that the block writes.
fn find<'b>(block: &'b Block, map: &str, key: &[u8]) -> Option<&'b [u8]> {
    let found = rows(block, map).into_iter().rfind(|(at, _)| *at == key);
    found.map(|(_, value)| value)
}

/// What the block writes into a map: key and value, in the order in which it writes.
fn rows<'b>(block: &'b Block, map: &str) -> Vec<(&'b [u8], &'b [u8])> {
    let mut rows = Vec::new();
    for frame in block.frames() {
        let mut found = Vec::new();
        let read = public_writes::for_each(&frame.public, |name, (key, value)| {
            if let (true, Some(value)) = (name == map, value) {
                found.push((key, value));
            }
        });
        if read.is_ok() {
            rows.extend(found);
        }
    }
    rows
}
