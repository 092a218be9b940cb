//! The SEV-SNP attestation report, field by field (56860, `ATTESTATION_REPORT`).
//!
//! Only the canonical encoding is read: what must be zero is zero, so that no
//! two byte strings carry the same signed report.

use crate::{
    scalars::p384_scalars_in_range,
    snp::{error::SnpError, key::KeyKind},
};

/// The length of a report, in bytes.
pub const REPORT_BYTES: usize = 0x4a0;

/// The part of the report that is signed.
pub(crate) const SIGNED_BYTES: usize = 0x2a0;

/// Bytes of R and of S that are used; the rest of each field is zero.
const SCALAR_BYTES: usize = 48;
const SCALAR_FIELD_BYTES: usize = 72;

/// A processor, as CPUID names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpuid {
    /// Family, with its extension: `0x19` is Zen 3 and 4, `0x1a` Zen 5.
    pub family: u8,
    /// Model, with its extension.
    pub model: u8,
    /// Stepping.
    pub stepping: u8,
}

/// A version of the SNP firmware. Ordered by major, minor and build number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FirmwareVersion {
    /// Major number of the firmware interface.
    pub major: u8,
    /// Minor number of the firmware interface.
    pub minor: u8,
    /// Build.
    pub build: u8,
}

impl std::fmt::Display for FirmwareVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{} build {}", self.major, self.minor, self.build)
    }
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
    /// About the key that signed.
    pub key_info: u32,
    /// Which key signed.
    pub key_kind: KeyKind,
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
    /// Names the guest's migration agent.
    pub report_id_ma: [u8; 32],
    /// Firmware that the signing key is derived from.
    pub reported_tcb: [u8; 8],
    /// The processor; reports of version 2 do not say.
    pub cpuid: Option<Cpuid>,
    /// The chip.
    pub chip_id: [u8; 64],
    /// Firmware below which the platform cannot go back.
    pub committed_tcb: [u8; 8],
    /// Version of the firmware that runs now.
    pub current_firmware: FirmwareVersion,
    /// Version of the firmware below which the platform cannot go back.
    pub committed_firmware: FirmwareVersion,
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
            key_info,
            key_kind: key_kind(key_info)?,
            report_data: array(bytes, 0x50),
            measurement: array(bytes, 0x90),
            host_data: array(bytes, 0xc0),
            id_key_digest: array(bytes, 0xe0),
            author_key_digest: array(bytes, 0x110),
            report_id: array(bytes, 0x140),
            report_id_ma: array(bytes, 0x160),
            reported_tcb: array(bytes, 0x180),
            cpuid: (version >= 3).then(|| cpuid(array(bytes, 0x188))),
            chip_id: array(bytes, 0x1a0),
            committed_tcb: array(bytes, 0x1e0),
            current_firmware: firmware(array(bytes, 0x1e8)),
            committed_firmware: firmware(array(bytes, 0x1ec)),
            launch_tcb: array(bytes, 0x1f0),
            mitigations: (version >= 5).then(|| (le64(bytes, 0x1f8), le64(bytes, 0x200))),
            signature: signature(bytes)?,
        })
    }
}

/// Bytes that must hold a fixed value. Reserved bits of `POLICY`,
/// `PLATFORM_INFO` and `KEY_INFO` are not among them: new firmware sets new
/// ones, and judging them is for a policy. Version 4 is laid out as version 3.
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
    Ok(())
}

fn key_kind(key_info: u32) -> Result<KeyKind, SnpError> {
    match key_info >> 2 & 0b111 {
        0 => Ok(KeyKind::Vcek),
        1 => Ok(KeyKind::Vlek),
        other => Err(SnpError::SigningKey(other)),
    }
}

fn cpuid([family, model, stepping]: [u8; 3]) -> Cpuid {
    Cpuid {
        family,
        model,
        stepping,
    }
}

fn firmware([build, minor, major]: [u8; 3]) -> FirmwareVersion {
    FirmwareVersion {
        major,
        minor,
        build,
    }
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
    if !p384_scalars_in_range(&signature) {
        return Err(SnpError::SignatureRange);
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
