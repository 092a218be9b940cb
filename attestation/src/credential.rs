//! What a node shows of itself in one piece: its statement, the evidence that
//! binds it, and the endorsements, if they come along. As a wrapper (RFC 9999),
//! and in X.509 certificates.
//!
//! A certificate carries the `id-pe-cmw` extension (RFC 9999), with statement,
//! evidence and, if they fit, endorsements, and next to it TCG DICE's tagged
//! evidence, which programs for RA-TLS look for, with the first two. Neither is
//! critical: whoever knows them not sees an ordinary certificate.
//!
//! Invariants:
//! - reading believes nothing; only an appraisal of what was read does;
//! - two extensions that contradict each other are refused;
//! - what is longer than [`Credential::CERTIFICATE_BYTES_MAX`] is not read, and
//!   no certificate is made that long.

use minicbor::{Decoder, Encoder};
use x509_cert::der::asn1::ObjectIdentifier;

use crate::{
    cmw::message::{Cmw, CmwError, Collection, Indicator, Kind, Label, MediaType, Record, Tagged},
    der::{Reader, tag},
    endorsements::{Endorsements, EndorsementsError},
    evidence::{Evidence, EvidenceError},
    statement::{NodeStatement, StatementError},
    x509::{Certificate, CertificateError},
};

/// The media type of statement and evidence: `spec/attestation.cddl`,
/// `attested-statement`.
pub const EVIDENCE_MEDIA_TYPE: &str = "application/vnd.synod.evidence+cbor";
/// The media type of endorsements: `spec/attestation.cddl`, `endorsements`.
pub const ENDORSEMENTS_MEDIA_TYPE: &str = "application/vnd.synod.endorsements+cbor";
/// The content format of statement and evidence, of those for experiments (RFC
/// 7252, 12.3).
pub const EVIDENCE_CONTENT_FORMAT: u16 = 65_001;

const EVIDENCE_LABEL: &str = "evidence";
const ENDORSEMENTS_LABEL: &str = "endorsements";

/// `id-pe-cmw`.
const CMW_OID: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 35];
const CMW: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.35");
/// TCG's tagged evidence, also called conceptual message wrapper.
const DICE_OID: &[u64] = &[2, 23, 133, 5, 4, 9];
const DICE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.133.5.4.9");

const UTF8_STRING: u8 = 0x0c;

/// Statement, evidence and perhaps endorsements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Whose keys.
    pub statement: NodeStatement,
    /// What binds them.
    pub evidence: Evidence,
    /// What the vendor says of the platform. Without them the relying party
    /// must have its own.
    pub endorsements: Option<Endorsements>,
}

/// An extension of a certificate, never critical.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateExtension {
    /// The object identifier's arcs.
    pub oid: &'static [u64],
    /// What stands in `extnValue`.
    pub value: Vec<u8>,
}

/// Why there is no credential to appraise. Its sender is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// The certificate is longer than any that is read.
    #[error("certificate is {0} bytes, longer than the {max} allowed", max = Credential::CERTIFICATE_BYTES_MAX)]
    TooLong(usize),
    /// The certificate is malformed, or has an extension twice.
    #[error("certificate {0}")]
    Certificate(CertificateError),
    /// The certificate carries no evidence.
    #[error("certificate has no evidence extension")]
    Missing,
    /// The extension is not what its identifier says.
    #[error("evidence extension of the certificate is malformed")]
    Extension,
    /// The two extensions contradict each other.
    #[error("evidence extensions of the certificate contradict each other")]
    Contradiction,
    /// The wrapper cannot be read.
    #[error(transparent)]
    Wrapper(#[from] CmwError),
    /// The wrapper holds something else.
    #[error("wrapper contains no evidence of a known type")]
    UnknownKind,
    /// Statement and evidence are not in their encoding.
    #[error("attested statement is malformed")]
    Malformed,
    /// The statement cannot be read.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The evidence cannot be read.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The endorsements cannot be read.
    #[error(transparent)]
    Endorsements(#[from] EndorsementsError),
    /// The evidence is too long for a certificate.
    #[error("evidence of {0} bytes does not fit into a certificate")]
    DoesNotFit(usize),
}

impl Credential {
    /// Longest certificate that evidence is read from, in bytes: what TLS
    /// programs take (`rustls`: 64 KiB for the whole message).
    pub const CERTIFICATE_BYTES_MAX: usize = 60 * 1024;
    /// Longest extensions together, in bytes: the rest is for the certificate.
    pub const EXTENSIONS_BYTES_MAX: usize = 56 * 1024;

    /// The wrapper: a record without endorsements, a collection with them.
    pub fn to_cmw(&self) -> Cmw {
        let evidence = record(
            EVIDENCE_MEDIA_TYPE,
            self.attested_statement(),
            Indicator::EVIDENCE,
        );
        let Some(endorsements) = &self.endorsements else {
            return evidence;
        };
        let endorsements = record(
            ENDORSEMENTS_MEDIA_TYPE,
            endorsements.encode(),
            Indicator::ENDORSEMENTS,
        );
        let entries = vec![
            (Label::Text(EVIDENCE_LABEL.to_owned()), evidence),
            (Label::Text(ENDORSEMENTS_LABEL.to_owned()), endorsements),
        ];
        let collection = Collection::new(None, entries).expect("two entries of short, own labels");
        Cmw::Collection(collection)
    }

    /// The tagged form: statement and evidence only.
    pub fn to_tagged(&self) -> Cmw {
        Cmw::Tag(Tagged {
            format: EVIDENCE_CONTENT_FORMAT,
            value: self.attested_statement(),
        })
    }

    /// Reads either form.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn from_cmw(cmw: &Cmw) -> Result<Self, CredentialError> {
        let (evidence, endorsements) = match cmw {
            Cmw::Collection(collection) => {
                let known = usize::from(collection.entry(ENDORSEMENTS_LABEL).is_some()) + 1;
                if collection.entries().len() != known || collection.kind().is_some() {
                    return Err(CredentialError::UnknownKind);
                }
                let evidence = collection.entry(EVIDENCE_LABEL);
                let evidence = evidence.ok_or(CredentialError::UnknownKind)?;
                (evidence, collection.entry(ENDORSEMENTS_LABEL))
            }
            single => (single, None),
        };
        let mut credential = Self::read(evidence_value(evidence)?)?;
        if let Some(endorsements) = endorsements {
            let value = record_value(endorsements, ENDORSEMENTS_MEDIA_TYPE)?;
            credential.endorsements = Some(Endorsements::decode(value)?);
        }
        Ok(credential)
    }

    /// The extensions for a certificate: as much as fits. First the tagged
    /// evidence is left out, whose content stands in the other extension as
    /// well, then the endorsements, which the relying party must then fetch.
    ///
    /// # Errors
    /// [`CredentialError::DoesNotFit`], where not even the evidence does.
    pub fn extensions(&self) -> Result<Vec<CertificateExtension>, CredentialError> {
        let bare = Self {
            endorsements: None,
            ..self.clone()
        };
        let (full, small, tagged) = (
            cmw_extension(&self.to_cmw()),
            cmw_extension(&bare.to_cmw()),
            CertificateExtension {
                oid: DICE_OID,
                value: self.to_tagged().to_cbor(),
            },
        );
        let length = small.value.len();
        let choices = [
            vec![full.clone(), tagged.clone()],
            vec![full],
            vec![small.clone(), tagged],
            vec![small],
        ];
        let fits = |choice: &Vec<CertificateExtension>| {
            let lengths = choice.iter().map(|extension| extension.value.len());
            lengths.sum::<usize>() <= Self::EXTENSIONS_BYTES_MAX
        };
        let best = choices.into_iter().find(fits);
        best.ok_or(CredentialError::DoesNotFit(length))
    }

    /// Finds the evidence in a certificate (DER). Nothing else of the
    /// certificate is checked, and nothing of the evidence.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn from_certificate(der: &[u8]) -> Result<Self, CredentialError> {
        if der.len() > Self::CERTIFICATE_BYTES_MAX {
            return Err(CredentialError::TooLong(der.len()));
        }
        let certificate = Certificate::parse(der).map_err(CredentialError::Certificate)?;
        let wrapped = certificate.extension(CMW).map(from_cmw_extension);
        let tagged = certificate.extension(DICE).map(from_dice_extension);
        let (wrapped, tagged) = (wrapped.transpose()?, tagged.transpose()?);
        match (wrapped, tagged) {
            (Some(wrapped), Some(tagged)) => {
                let same =
                    wrapped.statement == tagged.statement && wrapped.evidence == tagged.evidence;
                if !same {
                    return Err(CredentialError::Contradiction);
                }
                Ok(wrapped)
            }
            (Some(only), None) | (None, Some(only)) => Ok(only),
            (None, None) => Err(CredentialError::Missing),
        }
    }

    /// `spec/attestation.cddl`, `attested-statement`.
    fn attested_statement(&self) -> Vec<u8> {
        let (statement, evidence) = (self.statement.encode(), self.evidence.encode());
        let mut encoder = Encoder::new(Vec::with_capacity(statement.len() + evidence.len() + 16));
        encoder
            .array(2)
            .and_then(|e| e.bytes(&statement))
            .and_then(|e| e.bytes(&evidence))
            .expect("writing to a vector cannot fail");
        encoder.into_writer()
    }

    fn read(bytes: &[u8]) -> Result<Self, CredentialError> {
        let malformed = |_| CredentialError::Malformed;
        let mut decoder = Decoder::new(bytes);
        if decoder.array().map_err(malformed)? != Some(2) {
            return Err(CredentialError::Malformed);
        }
        let credential = Self {
            statement: NodeStatement::decode(decoder.bytes().map_err(malformed)?)?,
            evidence: Evidence::decode(decoder.bytes().map_err(malformed)?)?,
            endorsements: None,
        };
        if credential.attested_statement() != bytes {
            return Err(CredentialError::Malformed);
        }
        Ok(credential)
    }
}

fn record(media_type: &str, value: Vec<u8>, indicator: Indicator) -> Cmw {
    Cmw::Record(Record {
        kind: Kind::Media(MediaType::new(media_type).expect("a media type of our own")),
        value,
        indicator: Some(indicator),
    })
}

fn record_value<'a>(cmw: &'a Cmw, media_type: &str) -> Result<&'a [u8], CredentialError> {
    match cmw {
        Cmw::Record(record) => match &record.kind {
            Kind::Media(media) if media.as_str() == media_type => Ok(&record.value),
            _ => Err(CredentialError::UnknownKind),
        },
        _ => Err(CredentialError::UnknownKind),
    }
}

/// Statement and evidence in any form: by media type, format number or tag.
fn evidence_value(cmw: &Cmw) -> Result<&[u8], CredentialError> {
    match cmw {
        Cmw::Tag(tagged) if tagged.format == EVIDENCE_CONTENT_FORMAT => Ok(&tagged.value),
        Cmw::Record(record) if record.kind == Kind::ContentFormat(EVIDENCE_CONTENT_FORMAT) => {
            Ok(&record.value)
        }
        other => record_value(other, EVIDENCE_MEDIA_TYPE),
    }
}

/// `CMW ::= CHOICE { json UTF8String, cbor OCTET STRING }` (RFC 9999).
fn cmw_extension(cmw: &Cmw) -> CertificateExtension {
    let content = cmw.to_cbor();
    let mut value = vec![tag::OCTET_STRING];
    let length = content.len().to_be_bytes();
    let bytes = &length[content.len().leading_zeros() as usize / 8..];
    match bytes {
        [] => value.push(0),
        [short] if *short < 0x80 => value.push(*short),
        long => {
            value.push(0x80 | long.len() as u8);
            value.extend_from_slice(long);
        }
    }
    value.extend_from_slice(&content);
    CertificateExtension {
        oid: CMW_OID,
        value,
    }
}

fn from_cmw_extension(value: &[u8]) -> Result<Credential, CredentialError> {
    let malformed = |_| CredentialError::Extension;
    let mut reader = Reader::new(value);
    let element = reader.any().map_err(malformed)?;
    reader.end().map_err(malformed)?;
    let is_json = matches!(element.content.first(), Some(b'[' | b'{'));
    let right = match element.tag {
        tag::OCTET_STRING => !is_json,
        UTF8_STRING => is_json,
        _ => false,
    };
    if !right {
        return Err(CredentialError::Extension);
    }
    Credential::from_cmw(&Cmw::decode(element.content)?)
}

/// TCG DICE: the tagged CBOR, or a record, stands as it is; no collections.
fn from_dice_extension(value: &[u8]) -> Result<Credential, CredentialError> {
    match Cmw::decode(value)? {
        Cmw::Collection(_) => Err(CredentialError::Extension),
        single => Credential::from_cmw(&single),
    }
}
