//! The table of certificates that a host hands to its guest next to a report.
//!
//! Source: AMD 56421 (GHCB), "SNP Extended Guest Request". Entries of 24 bytes:
//! GUID, offset and length (32 bits each, little-endian), up to an entry of
//! zeros; the certificates lie behind them, in DER.
//!
//! The host writes the table, so nothing of it is believed before a chain is
//! checked.

use crate::{
    endorsements::SnpEndorsements,
    snp::{error::Link, key::KeyKind},
};

const ENTRY_BYTES: usize = 24;
const ENTRIES_MAX: usize = 32;

/// GUIDs as they lie in memory: the first three parts little-endian (RFC 4122
/// as UEFI encodes it).
const VCEK: [u8; 16] = guid(0x63da_758d_e664_4564_adc5_f4b9_3be8_accd);
const VLEK: [u8; 16] = guid(0xa807_4bc2_a25a_483e_aae6_39c0_45a0_b8a1);
const ASK: [u8; 16] = guid(0x4ab7_b379_bbac_4fe4_a02f_05ae_f327_c782);
const ARK: [u8; 16] = guid(0xc0b4_06a4_a803_4952_9743_3fb6_014c_d0ae);
const CRL: [u8; 16] = guid(0x92f8_1bc3_5811_4d3d_97ff_d19f_88dc_67ea);

const fn guid(text: u128) -> [u8; 16] {
    let mut bytes = text.to_be_bytes();
    bytes.swap(0, 3);
    bytes.swap(1, 2);
    bytes.swap(4, 5);
    bytes.swap(6, 7);
    bytes
}

/// Why a table is not read, or does not suffice. The fault is the host's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// There are more than [`CertificateTable::BYTES_MAX`] bytes.
    #[error("certificate table is {0} bytes, longer than the {max} allowed", max = CertificateTable::BYTES_MAX)]
    TooLong(usize),
    /// No entry of zeros ends the table within its first 32 entries.
    #[error("certificate table has no terminating entry")]
    Endless,
    /// An entry points outside of the bytes or into the table itself.
    #[error("entry {0} of the certificate table points outside of its bytes")]
    OutOfBounds(usize),
    /// An entry is of a kind that an earlier one has.
    #[error("entry {0} of the certificate table repeats an earlier one")]
    Repeated(usize),
    /// A chain needs this, and the table does not hold it.
    #[error("certificate table has no {0}")]
    Missing(Link),
}

/// The certificates that a host handed over (DER).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateTable {
    /// The key of the chip.
    pub vcek: Option<Vec<u8>>,
    /// The key of the provider's fleet.
    pub vlek: Option<Vec<u8>>,
    /// The issuer of the signing key: ASK or ASVK.
    pub ask: Option<Vec<u8>>,
    /// The root.
    pub ark: Option<Vec<u8>>,
    /// The root's revocation list.
    pub crl: Option<Vec<u8>>,
}

/// Parses a table. Entries of unknown GUIDs are left out: hosts add their own.
pub fn parse(bytes: &[u8]) -> Result<CertificateTable, TableError> {
    if bytes.len() > CertificateTable::BYTES_MAX {
        return Err(TableError::TooLong(bytes.len()));
    }
    let (entries, _) = bytes.as_chunks::<ENTRY_BYTES>();
    let count = entries
        .iter()
        .take(ENTRIES_MAX)
        .position(|entry| *entry == [0; ENTRY_BYTES])
        .ok_or(TableError::Endless)?;
    let content_at = (count + 1) * ENTRY_BYTES;
    let mut table = CertificateTable::default();
    for (number, entry) in entries[..count].iter().enumerate() {
        let content = content(bytes, entry, content_at).ok_or(TableError::OutOfBounds(number))?;
        let Some(slot) = table.slot(entry) else {
            continue;
        };
        if slot.replace(content.to_vec()).is_some() {
            return Err(TableError::Repeated(number));
        }
    }
    Ok(table)
}

fn content<'a>(bytes: &'a [u8], entry: &[u8; ENTRY_BYTES], content_at: usize) -> Option<&'a [u8]> {
    let field = |at: usize| {
        let field = entry[at..at + 4].try_into().ok()?;
        usize::try_from(u32::from_le_bytes(field)).ok()
    };
    let (from, length) = (field(16)?, field(20)?);
    let end = from.checked_add(length)?;
    bytes.get(from..end).filter(|_| from >= content_at)
}

impl CertificateTable {
    /// Longest accepted table with its certificates, in bytes. Linux allows
    /// hosts 16 KiB.
    pub const BYTES_MAX: usize = 64 * 1024;

    /// The endorsements of a report that a key of this kind signed.
    pub fn endorsements(&self, kind: KeyKind) -> Result<SnpEndorsements, TableError> {
        let signer = match kind {
            KeyKind::Vcek => &self.vcek,
            KeyKind::Vlek => &self.vlek,
        };
        let required = |certificate: &Option<Vec<u8>>, link| {
            certificate.clone().ok_or(TableError::Missing(link))
        };
        Ok(SnpEndorsements {
            signer: required(signer, Link::Signer)?,
            intermediate: required(&self.ask, Link::Intermediate)?,
            root: required(&self.ark, Link::Ark)?,
            crl: self.crl.clone(),
        })
    }

    fn slot(&mut self, entry: &[u8; ENTRY_BYTES]) -> Option<&mut Option<Vec<u8>>> {
        match entry.first_chunk::<16>()? {
            guid if *guid == VCEK => Some(&mut self.vcek),
            guid if *guid == VLEK => Some(&mut self.vlek),
            guid if *guid == ASK => Some(&mut self.ask),
            guid if *guid == ARK => Some(&mut self.ark),
            guid if *guid == CRL => Some(&mut self.crl),
            _ => None,
        }
    }
}
