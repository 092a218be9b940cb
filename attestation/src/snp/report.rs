//! The SEV-SNP attestation report, field by field (56860, `ATTESTATION_REPORT`).
//!
//! Only the canonical encoding is read: what must be zero is zero, so that no
//! two byte strings carry the same signed report.

use crate::snp::{error::SnpError, product::Product};

/// The length of a report, in bytes.
pub const REPORT_BYTES: usize = 0x4a0;

/// The part of the report that is signed.
pub(crate) const SIGNED_BYTES: usize = 0x2a0;

/// Bytes of R and of S that are used; the rest of each field is zero.
const SCALAR_BYTES: usize = 48;
const SCALAR_FIELD_BYTES: usize = 72;

/// The kind of key that signed, as the report states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Of one chip.
    Vcek,
    /// Of a cloud provider's fleet.
    Vlek,
}

/// A parsed report. Nothing in it is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Version of the format, 2 to 5.
    pub version: u32,
    /// Security version of the guest.
    pub guest_svn: u32,
    /// Launch policy.
    pub policy: u64,
    /// Family of the guest.
    pub family_id: [u8; 16],
    /// Image of the guest.
    pub image_id: [u8; 16],
    /// Privilege level of the one who asked.
    pub vmpl: u32,
    /// Current firmware, laid out by product.
    pub current_tcb: [u8; 8],
    /// Configuration of the platform.
    pub platform_info: u64,
    /// Which key signed.
    pub key_kind: KeyKind,
    /// Whether the host masks the chip's id.
    pub chip_masked: bool,
    /// The guest's own bytes.
    pub report_data: [u8; 64],
    /// Measurement at launch.
    pub measurement: [u8; 48],
    /// The host's own bytes.
    pub host_data: [u8; 32],
    /// Digest of the id key.
    pub id_key_digest: [u8; 48],
    /// Digest of the author key.
    pub author_key_digest: [u8; 48],
    /// Names the guest.
    pub report_id: [u8; 32],
    /// Firmware that the signing key is derived from.
    pub reported_tcb: [u8; 8],
    /// By CPUID; reports of version 2 do not say.
    pub product: Option<Product>,
    /// The chip.
    pub chip_id: [u8; 64],
    /// Firmware below which the platform cannot go back.
    pub committed_tcb: [u8; 8],
    /// Firmware at launch.
    pub launch_tcb: [u8; 8],
    /// Launch and current mitigations, from version 5 on.
    pub mitigations: Option<(u64, u64)>,
    /// R ‖ S, big-endian, 48 bytes each.
    pub signature: [u8; 96],
}

impl Report {
    /// Parses the canonical encoding.
    pub fn parse(bytes: &[u8]) -> Result<Self, SnpError> {
        let bytes: &[u8; REPORT_BYTES] = bytes
            .try_into()
            .map_err(|_| SnpError::Length(bytes.len()))?;
        let version = le32(bytes, 0x00);
        if !(2..=5).contains(&version) {
            return Err(SnpError::Version(version));
        }
        let algorithm = le32(bytes, 0x34);
        if algorithm != 1 {
            return Err(SnpError::SignatureAlgorithm(algorithm));
        }
        check_reserved(bytes, version)?;
        let key_info = le32(bytes, 0x48);
        Ok(Self {
            version,
            guest_svn: le32(bytes, 0x04),
            policy: le64(bytes, 0x08),
            family_id: array(bytes, 0x10),
            image_id: array(bytes, 0x20),
            vmpl: le32(bytes, 0x30),
            current_tcb: array(bytes, 0x38),
            platform_info: le64(bytes, 0x40),
            key_kind: key_kind(key_info)?,
            chip_masked: key_info & 0b10 != 0,
            report_data: array(bytes, 0x50),
            measurement: array(bytes, 0x90),
            host_data: array(bytes, 0xc0),
            id_key_digest: array(bytes, 0xe0),
            author_key_digest: array(bytes, 0x110),
            report_id: array(bytes, 0x140),
            reported_tcb: array(bytes, 0x180),
            product: product(bytes, version)?,
            chip_id: array(bytes, 0x1a0),
            committed_tcb: array(bytes, 0x1e0),
            launch_tcb: array(bytes, 0x1f0),
            mitigations: (version >= 5).then(|| (le64(bytes, 0x1f8), le64(bytes, 0x200))),
            signature: signature(bytes)?,
        })
    }
}

/// Fields that must hold a fixed value. Bits of `PLATFORM_INFO` are not among
/// them: new ones are set by new firmware, and judging them is for a policy.
fn check_reserved(bytes: &[u8; REPORT_BYTES], version: u32) -> Result<(), SnpError> {
    let cpuid = if version >= 3 { 0x18b } else { 0x188 };
    let tail = if version >= 5 { 0x208 } else { 0x1f8 };
    for (start, end) in [
        (0x4c, 0x50),
        (cpuid, 0x1a0),
        (0x1eb, 0x1ec),
        (0x1ef, 0x1f0),
        (tail, SIGNED_BYTES),
    ] {
        if bytes[start..end].iter().any(|byte| *byte != 0) {
            return Err(SnpError::Reserved(start));
        }
    }
    let policy_bit_17_is_set = le64(bytes, 0x08) >> 17 & 1 == 1;
    if !policy_bit_17_is_set {
        return Err(SnpError::Reserved(0x08));
    }
    if le32(bytes, 0x48) >> 5 != 0 {
        return Err(SnpError::Reserved(0x48));
    }
    Ok(())
}

fn key_kind(key_info: u32) -> Result<KeyKind, SnpError> {
    match key_info >> 2 & 0b111 {
        0 => Ok(KeyKind::Vcek),
        1 => Ok(KeyKind::Vlek),
        other => Err(SnpError::SigningKey(other)),
    }
}

fn product(bytes: &[u8; REPORT_BYTES], version: u32) -> Result<Option<Product>, SnpError> {
    if version < 3 {
        return Ok(None);
    }
    let (family, model) = (bytes[0x188], bytes[0x189]);
    Product::of_cpuid(family, model)
        .map(Some)
        .ok_or(SnpError::UnknownProduct { family, model })
}

/// Reads R and S, each little-endian with zeros above its 48 bytes, and the
/// zeros behind them.
fn signature(bytes: &[u8; REPORT_BYTES]) -> Result<[u8; 96], SnpError> {
    let (scalars, rest) = bytes[SIGNED_BYTES..].split_at(2 * SCALAR_FIELD_BYTES);
    let mut signature = [0; 2 * SCALAR_BYTES];
    for (field, out) in scalars
        .chunks_exact(SCALAR_FIELD_BYTES)
        .zip(signature.chunks_exact_mut(SCALAR_BYTES))
    {
        let (scalar, padding) = field.split_at(SCALAR_BYTES);
        if padding.iter().any(|byte| *byte != 0) {
            return Err(SnpError::SignaturePadding);
        }
        out.copy_from_slice(scalar);
        out.reverse();
    }
    if rest.iter().any(|byte| *byte != 0) {
        return Err(SnpError::SignaturePadding);
    }
    Ok(signature)
}

fn array<const N: usize>(bytes: &[u8; REPORT_BYTES], at: usize) -> [u8; N] {
    bytes[at..at + N]
        .try_into()
        .expect("every field lies inside the report")
}

fn le32(bytes: &[u8; REPORT_BYTES], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

fn le64(bytes: &[u8; REPORT_BYTES], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}
