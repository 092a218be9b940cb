//! Reference values: what an accepted workload looks like, in the terms of its
//! TEE.
//!
//! Invariants:
//! - every value that is given must match; one that is not given matches
//!   anything;
//! - at least one value names the code or who signed it, so an empty entry
//!   does not accept everything;
//! - an entry is meant for the lead evidence, or for one named part.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    claims::{Claims, Details},
    tee::Tee,
};

/// An accepted workload, as a policy writes it. All digests are hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The kind of TEE: `sev-snp`, `tdx`, `sgx` or `nitro`.
    pub tee: String,
    /// What it is, for messages.
    #[serde(default)]
    pub label: String,
    /// The part of composite evidence that this is for; without it, the lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// The measurement at launch: SNP `MEASUREMENT`, TDX `MRTD`, SGX
    /// `MRENCLAVE`, Nitro `PCR0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measurement: Option<String>,
    /// SGX: digest of the enclave (32 bytes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mr_enclave: Option<String>,
    /// SGX: digest of the key that signed the enclave (32 bytes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mr_signer: Option<String>,
    /// SGX: the signer's number for the product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isv_prod_id: Option<u16>,
    /// SGX: lowest security version of the product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isv_svn_min: Option<u16>,
    /// TDX: the domain's memory at launch (48 bytes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mr_td: Option<String>,
    /// TDX: run-time register 0, usually the firmware's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtmr0: Option<String>,
    /// TDX: run-time register 1, usually the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtmr1: Option<String>,
    /// TDX: run-time register 2, usually the initial file system and the
    /// kernel's command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtmr2: Option<String>,
    /// TDX: run-time register 3, for applications.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtmr3: Option<String>,
    /// TDX: configuration that the owner set at launch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mr_config_id: Option<String>,
    /// TDX: owner of the domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mr_owner: Option<String>,
    /// TDX: the TDX module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mr_seam: Option<String>,
    /// SNP: the host's bytes at launch (32 bytes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_data: Option<String>,
    /// SNP: digest of the key that signed the id block (48 bytes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_key_digest: Option<String>,
    /// SNP: digest of the key that certified the id key (48 bytes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author_key_digest: Option<String>,
    /// SNP: family of the guest (16 bytes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_id: Option<String>,
    /// SNP: image of the guest (16 bytes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// SNP: lowest security version of the guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_svn_min: Option<u32>,
    /// Nitro: the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pcr0: Option<String>,
    /// Nitro: kernel and boot ram disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pcr1: Option<String>,
    /// Nitro: the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pcr2: Option<String>,
    /// Nitro: role of the instance that holds the enclave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pcr3: Option<String>,
    /// Nitro: the instance that holds the enclave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pcr4: Option<String>,
    /// Nitro: the certificate that signed the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pcr8: Option<String>,
}

/// Why an entry holds no reference values. The fault is the policy's author's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The kind of TEE is not known.
    #[error("unknown TEE `{0}`")]
    UnknownTee(String),
    /// A field belongs to another kind of TEE.
    #[error("{tee} has no value `{field}`")]
    Foreign {
        /// The field.
        field: &'static str,
        /// The entry's TEE.
        tee: Tee,
    },
    /// A value is not hexadecimal, or not as long as the field is.
    #[error("`{field}` must be {length} bytes in hexadecimal digits")]
    Value {
        /// The field.
        field: &'static str,
        /// Its length in bytes.
        length: usize,
    },
    /// No value names the code or its signer, so anything would match.
    #[error("the entry names neither code nor signer, so it would accept any code")]
    Empty,
}

/// One value that evidence must show.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    /// Exactly these bytes.
    Bytes(Vec<u8>),
    /// Exactly this number.
    Exactly(u32),
    /// This number or a higher one.
    AtLeast(u32),
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => f.write_str(&hex::encode(bytes)),
            Self::Exactly(number) => number.fmt(f),
            Self::AtLeast(number) => write!(f, "at least {number}"),
        }
    }
}

/// What an accepted workload looks like.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReferenceValues {
    tee: Tee,
    part: Option<String>,
    label: String,
    values: Vec<(&'static str, Wanted)>,
}

/// A value that evidence shows otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field: `rtmr3`.
    pub field: &'static str,
    /// What the reference values want.
    pub expected: String,
    /// What the evidence says; `not stated` if it says nothing.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            expected,
            found,
        } = self;
        write!(f, "{field} is {found}, not {expected}")
    }
}

/// The fields that are digests: name, TEE, bytes, whether it names the code or
/// its signer.
const DIGESTS: [(&str, Tee, usize, bool); 22] = [
    ("mr_enclave", Tee::Sgx, 32, true),
    ("mr_signer", Tee::Sgx, 32, true),
    ("mr_td", Tee::Tdx, 48, true),
    ("rtmr0", Tee::Tdx, 48, false),
    ("rtmr1", Tee::Tdx, 48, false),
    ("rtmr2", Tee::Tdx, 48, false),
    ("rtmr3", Tee::Tdx, 48, false),
    ("mr_config_id", Tee::Tdx, 48, false),
    ("mr_owner", Tee::Tdx, 48, false),
    ("mr_seam", Tee::Tdx, 48, false),
    ("host_data", Tee::SevSnp, 32, false),
    ("id_key_digest", Tee::SevSnp, 48, true),
    ("author_key_digest", Tee::SevSnp, 48, true),
    ("family_id", Tee::SevSnp, 16, false),
    ("image_id", Tee::SevSnp, 16, false),
    ("pcr0", Tee::Nitro, 48, true),
    ("pcr1", Tee::Nitro, 48, false),
    ("pcr2", Tee::Nitro, 48, false),
    ("pcr3", Tee::Nitro, 48, false),
    ("pcr4", Tee::Nitro, 48, false),
    ("pcr8", Tee::Nitro, 48, true),
    ("measurement", Tee::SevSnp, 48, true),
];

impl Accepted {
    /// The short form: a TEE, a measurement, a label.
    pub fn of(tee: Tee, measurement: &crate::measurement::Measurement, label: &str) -> Self {
        Self {
            tee: tee.name().to_owned(),
            label: label.to_owned(),
            measurement: Some(measurement.to_string()),
            ..Self::default()
        }
    }

    /// Brings digests into small letters, so that one set of values has one
    /// spelling.
    pub(crate) fn normalise(&mut self) {
        for (field, ..) in DIGESTS {
            if let Some(text) = self.digest_mut(field) {
                text.make_ascii_lowercase();
            }
        }
    }

    fn digest(&self, field: &str) -> Option<&str> {
        match field {
            "measurement" => self.measurement.as_deref(),
            "mr_enclave" => self.mr_enclave.as_deref(),
            "mr_signer" => self.mr_signer.as_deref(),
            "mr_td" => self.mr_td.as_deref(),
            "rtmr0" => self.rtmr0.as_deref(),
            "rtmr1" => self.rtmr1.as_deref(),
            "rtmr2" => self.rtmr2.as_deref(),
            "rtmr3" => self.rtmr3.as_deref(),
            "mr_config_id" => self.mr_config_id.as_deref(),
            "mr_owner" => self.mr_owner.as_deref(),
            "mr_seam" => self.mr_seam.as_deref(),
            "host_data" => self.host_data.as_deref(),
            "id_key_digest" => self.id_key_digest.as_deref(),
            "author_key_digest" => self.author_key_digest.as_deref(),
            "family_id" => self.family_id.as_deref(),
            "image_id" => self.image_id.as_deref(),
            "pcr0" => self.pcr0.as_deref(),
            "pcr1" => self.pcr1.as_deref(),
            "pcr2" => self.pcr2.as_deref(),
            "pcr3" => self.pcr3.as_deref(),
            "pcr4" => self.pcr4.as_deref(),
            "pcr8" => self.pcr8.as_deref(),
            _ => None,
        }
    }

    fn digest_mut(&mut self, field: &str) -> Option<&mut String> {
        match field {
            "measurement" => self.measurement.as_mut(),
            "mr_enclave" => self.mr_enclave.as_mut(),
            "mr_signer" => self.mr_signer.as_mut(),
            "mr_td" => self.mr_td.as_mut(),
            "rtmr0" => self.rtmr0.as_mut(),
            "rtmr1" => self.rtmr1.as_mut(),
            "rtmr2" => self.rtmr2.as_mut(),
            "rtmr3" => self.rtmr3.as_mut(),
            "mr_config_id" => self.mr_config_id.as_mut(),
            "mr_owner" => self.mr_owner.as_mut(),
            "mr_seam" => self.mr_seam.as_mut(),
            "host_data" => self.host_data.as_mut(),
            "id_key_digest" => self.id_key_digest.as_mut(),
            "author_key_digest" => self.author_key_digest.as_mut(),
            "family_id" => self.family_id.as_mut(),
            "image_id" => self.image_id.as_mut(),
            "pcr0" => self.pcr0.as_mut(),
            "pcr1" => self.pcr1.as_mut(),
            "pcr2" => self.pcr2.as_mut(),
            "pcr3" => self.pcr3.as_mut(),
            "pcr4" => self.pcr4.as_mut(),
            "pcr8" => self.pcr8.as_mut(),
            _ => None,
        }
    }

    fn numbers(&self) -> [(&'static str, Tee, Option<Wanted>); 3] {
        let at_least = |number: Option<u16>| number.map(|n| Wanted::AtLeast(n.into()));
        [
            (
                "isv_prod_id",
                Tee::Sgx,
                self.isv_prod_id.map(|n| Wanted::Exactly(n.into())),
            ),
            ("isv_svn_min", Tee::Sgx, at_least(self.isv_svn_min)),
            (
                "guest_svn_min",
                Tee::SevSnp,
                self.guest_svn_min.map(Wanted::AtLeast),
            ),
        ]
    }
}

impl ReferenceValues {
    /// The kind of TEE.
    pub fn tee(&self) -> Tee {
        self.tee
    }

    /// The part that this is for; `None`: the lead.
    pub fn part(&self) -> Option<&str> {
        self.part.as_deref()
    }

    /// What it is, for messages.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Everything but the label, to sort by.
    pub(crate) fn identity(&self) -> impl Ord + '_ {
        (self.tee, &self.part, &self.values)
    }

    /// Whether these say the same as `other`, whatever their labels.
    pub fn same_as(&self, other: &Self) -> bool {
        (self.tee, &self.part, &self.values) == (other.tee, &other.part, &other.values)
    }

    /// What claims show otherwise; empty if all values match.
    pub fn differences(&self, claims: &Claims) -> Vec<Difference> {
        self.values
            .iter()
            .filter_map(|(field, wanted)| {
                let found = found(claims, field);
                if found.as_ref().is_some_and(|found| satisfies(found, wanted)) {
                    return None;
                }
                Some(Difference {
                    field,
                    expected: wanted.to_string(),
                    found: found.map_or_else(|| "not stated".to_owned(), |f| f.to_string()),
                })
            })
            .collect()
    }
}

fn satisfies(found: &Wanted, wanted: &Wanted) -> bool {
    match (found, wanted) {
        (Wanted::Exactly(found), Wanted::AtLeast(least)) => found >= least,
        (found, wanted) => found == wanted,
    }
}

impl TryFrom<&Accepted> for ReferenceValues {
    type Error = ReferenceError;

    fn try_from(entry: &Accepted) -> Result<Self, ReferenceError> {
        let tee: Tee = entry
            .tee
            .parse()
            .map_err(|_| ReferenceError::UnknownTee(entry.tee.clone()))?;
        let mut values = Vec::new();
        let mut names_code = false;
        for (field, of, length, names) in DIGESTS {
            let Some(text) = entry.digest(field) else {
                continue;
            };
            let length = expected_length(field, of, length, tee)?;
            let value = bytes(field, text, length)?;
            // A signer signs many products, so it takes the product's number.
            let of_many = field == "mr_signer" && entry.isv_prod_id.is_none();
            names_code |= names && !of_many && !stands_for_nobody(field, &value);
            values.push((field, Wanted::Bytes(value)));
        }
        for (field, of, wanted) in entry.numbers() {
            let Some(wanted) = wanted else { continue };
            if of != tee {
                return Err(ReferenceError::Foreign { field, tee });
            }
            values.push((field, wanted));
        }
        if !names_code {
            return Err(ReferenceError::Empty);
        }
        Ok(Self {
            tee,
            part: entry.part.clone(),
            label: entry.label.clone(),
            values,
        })
    }
}

/// Whether a value is the one that unsigned evidence shows.
fn stands_for_nobody(field: &str, value: &[u8]) -> bool {
    let of_signer = ["id_key_digest", "author_key_digest", "pcr8"].contains(&field);
    of_signer && value.iter().all(|byte| *byte == 0)
}

fn expected_length(
    field: &'static str,
    of: Tee,
    length: usize,
    tee: Tee,
) -> Result<usize, ReferenceError> {
    match (field, tee) {
        ("measurement", Tee::Sgx) => Ok(32),
        ("measurement", _) => Ok(48),
        _ if of == tee => Ok(length),
        _ => Err(ReferenceError::Foreign { field, tee }),
    }
}

fn bytes(field: &'static str, text: &str, length: usize) -> Result<Vec<u8>, ReferenceError> {
    hex::decode(text)
        .ok()
        .filter(|bytes| bytes.len() == length)
        .ok_or(ReferenceError::Value { field, length })
}

/// What claims say of a field.
fn found(claims: &Claims, field: &str) -> Option<Wanted> {
    if field == "measurement" {
        return Some(Wanted::Bytes(claims.measurement.as_bytes().to_vec()));
    }
    let number = match (&claims.details, field) {
        (Details::Snp(snp), "guest_svn_min") => Some(snp.guest_svn),
        (Details::Sgx(sgx), "isv_prod_id") => Some(sgx.report.isv_prod_id.into()),
        (Details::Sgx(sgx), "isv_svn_min") => Some(sgx.report.isv_svn.into()),
        _ => None,
    };
    if let Some(number) = number {
        return Some(Wanted::Exactly(number));
    }
    found_digest(claims, field).map(|bytes| Wanted::Bytes(bytes.to_vec()))
}

fn found_digest<'c>(claims: &'c Claims, field: &str) -> Option<&'c [u8]> {
    match &claims.details {
        Details::Snp(snp) => match field {
            "host_data" => Some(&snp.host_data),
            "id_key_digest" => Some(&snp.id_key_digest),
            "author_key_digest" => Some(&snp.author_key_digest),
            "family_id" => Some(&snp.family_id),
            "image_id" => Some(&snp.image_id),
            _ => None,
        },
        Details::Tdx(tdx) => match field {
            "mr_td" => Some(&tdx.mr_td),
            "rtmr0" => Some(&tdx.rtmrs[0]),
            "rtmr1" => Some(&tdx.rtmrs[1]),
            "rtmr2" => Some(&tdx.rtmrs[2]),
            "rtmr3" => Some(&tdx.rtmrs[3]),
            "mr_config_id" => Some(&tdx.mr_config_id),
            "mr_owner" => Some(&tdx.mr_owner),
            "mr_seam" => Some(&tdx.mr_seam),
            _ => None,
        },
        Details::Sgx(sgx) => match field {
            "mr_enclave" => Some(&sgx.report.mr_enclave),
            "mr_signer" => Some(&sgx.report.mr_signer),
            _ => None,
        },
        Details::Nitro(nitro) => {
            let index: u8 = field.strip_prefix("pcr")?.parse().ok()?;
            nitro.pcrs.get(&index).map(<[u8; 48]>::as_slice)
        }
    }
}
