//! Files as people have them: evidence as bytes, hexadecimal or base64 text, inside JSON or a
//! certificate; event logs; certificates; Intel's collateral.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use synod_attestation::eventlog::Kind;
use synod_attestation::{Endorsements, Evidence};

use crate::files;
use crate::outcome::{Failure, Outcome};

/// What a file turned out to be.
#[derive(Debug)]
pub(super) enum Material {
    /// Evidence.
    Evidence(Box<Evidence>),
    /// An event log, of a trust domain.
    Log(Kind, Vec<u8>),
    /// An X.509 certificate (DER).
    Certificate(Vec<u8>),
    /// Endorsements in one file: Intel's collateral.
    Endorsements(Box<Endorsements>),
}

/// Fields of JSON that hold evidence, in the formats that tools write.
const FIELDS: [&str; 8] = [
    "evidence",
    "quote",
    "report",
    "attestation_report",
    "attestation_doc",
    "attestation",
    "document",
    "tdx_quote",
];

/// Reads a file, whatever it is.
pub(super) fn read(path: &Path) -> Outcome<Material> {
    of_bytes(files::read(path)?).ok_or_else(|| {
        Failure::not_verified(format!("`{}` is not something that a known TEE makes", path.display())).with_hint(
            "evidence is read as bytes, hexadecimal or base64 text, in JSON under `quote` or `report`, or in a certificate",
        )
    })
}

/// Reads evidence, or what holds some.
pub(super) fn read_evidence(path: &Path) -> Outcome<Evidence> {
    match read(path)? {
        Material::Evidence(evidence) => Ok(*evidence),
        other => Err(Failure::mistake(format!(
            "`{}` is {}, not evidence",
            path.display(),
            other.name()
        ))),
    }
}

/// Tells what bytes are; tries the strictest form first.
pub(super) fn of_bytes(bytes: Vec<u8>) -> Option<Material> {
    if let Some(evidence) = evidence(&bytes) {
        return Some(Material::Evidence(Box::new(evidence)));
    }
    if is_certificate(&bytes) {
        return Some(Material::Certificate(bytes));
    }
    let text = std::str::from_utf8(&bytes).map(str::trim).ok();
    if let Some(found) = text.and_then(of_text) {
        return Some(found);
    }
    let kind = Kind::detect(&bytes)?;
    Some(Material::Log(kind, bytes))
}

impl Material {
    /// What it is, in words.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Evidence(evidence) => format!("evidence of {}", evidence.tee()),
            Self::Log(kind, _) => format!("an event log ({kind})"),
            Self::Certificate(_) => "a certificate".to_owned(),
            Self::Endorsements(_) => "Intel's collateral".to_owned(),
        }
    }
}

fn evidence(bytes: &[u8]) -> Option<Evidence> {
    Evidence::decode(bytes)
        .or_else(|_| Evidence::detect(dstack(bytes).unwrap_or(bytes).to_vec()))
        .ok()
}

/// The evidence at the front of a dstack attestation: two bytes of version and kind, a compact
/// length (SCALE), the evidence.
fn dstack(bytes: &[u8]) -> Option<&[u8]> {
    let [0, _, low, high, rest @ ..] = bytes else {
        return None;
    };
    let length = u16::from_le_bytes([*low, *high]);
    // The two lowest bits say that the length is written in two bytes.
    if length & 0b11 != 0b01 {
        return None;
    }
    rest.get(..usize::from(length >> 2))
}

fn of_text(text: &str) -> Option<Material> {
    if text.starts_with('{') {
        return of_json(text);
    }
    if text.starts_with("-----BEGIN CERTIFICATE-----") {
        let body: String = text
            .lines()
            .skip(1)
            .take_while(|line| !line.starts_with('-'))
            .collect();
        return Some(Material::Certificate(STANDARD.decode(body).ok()?));
    }
    let bytes = binary(text)?;
    Some(Material::Evidence(Box::new(evidence(&bytes)?)))
}

fn of_json(text: &str) -> Option<Material> {
    if let Ok(endorsements) = Endorsements::intel_from_json(text) {
        return Some(Material::Endorsements(Box::new(endorsements)));
    }
    let object: Value = serde_json::from_str(text).ok()?;
    let held = FIELDS.iter().filter_map(|field| object[*field].as_str());
    let found = held.filter_map(binary).find_map(|bytes| evidence(&bytes))?;
    let log = object["event_log"]
        .as_str()
        .map(|log| log.as_bytes().to_vec());
    let found = match log {
        Some(log) => found.clone().with_log(Kind::Dstack, log).unwrap_or(found),
        None => found,
    };
    Some(Material::Evidence(Box::new(found)))
}

/// Bytes written as text: hexadecimal, with or without spaces and `0x`, or base64.
fn binary(text: &str) -> Option<Vec<u8>> {
    let dense: String = text.split_whitespace().collect();
    let digits = dense.strip_prefix("0x").unwrap_or(&dense);
    hex::decode(digits)
        .or_else(|_| STANDARD.decode(&dense))
        .or_else(|_| URL_SAFE_NO_PAD.decode(&dense))
        .ok()
}

/// A DER sequence as long as the file, which no evidence is.
fn is_certificate(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x82, high, low, rest @ ..]
        if usize::from(u16::from_be_bytes([*high, *low])) == rest.len())
}

#[cfg(test)]
mod tests {
    use synod_attestation::Tee;

    use super::*;

    fn report() -> Vec<u8> {
        let mut report = vec![0; 0x4a0];
        report[0] = 3;
        report
    }

    fn tee_of(bytes: Vec<u8>) -> Option<Tee> {
        match of_bytes(bytes)? {
            Material::Evidence(evidence) => Some(evidence.tee()),
            _ => None,
        }
    }

    #[test]
    fn evidence_is_found_in_each_form_that_tools_write() {
        let digits = hex::encode(report());
        let wrapped = [&[0, 3, 0x81, 0x12][..], &report(), b"more"].concat();
        for form in [
            report(),
            digits.clone().into_bytes(),
            format!("0x{digits}\n").into_bytes(),
            STANDARD.encode(report()).into_bytes(),
            format!("{{\"quote\": \"{digits}\"}}").into_bytes(),
            format!(
                "{{\"attestation_report\": \"{}\"}}",
                STANDARD.encode(report())
            )
            .into_bytes(),
            Evidence::new(Tee::SevSnp, report()).unwrap().encode(),
            wrapped,
        ] {
            assert_eq!(
                tee_of(form.clone()),
                Some(Tee::SevSnp),
                "{}",
                String::from_utf8_lossy(&form[..8])
            );
        }
    }

    #[test]
    fn what_no_tee_makes_is_nothing() {
        for bytes in [
            &b""[..],
            b"hello",
            b"{}",
            b"{\"quote\": 7}",
            b"[",
            &[0; 3],
            &[0x30, 0x82, 0, 9, 1],
            &[0, 3, 0x81, 0x12],
        ] {
            assert_eq!(tee_of(bytes.to_vec()), None, "{bytes:?}");
        }
    }
}
