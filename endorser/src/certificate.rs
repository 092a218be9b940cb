//! What a certificate or a list says, as far as it must be known to choose
//! among several. Nothing here is verified; `attestation` does that.

use synod_attestation::snp::product::{Product, TcbVersion};
use x509_cert::{
    der::{
        Decode, SliceReader,
        asn1::{Any, Ia5StringRef, ObjectIdentifier, OctetStringRef},
    },
    ext::pkix::BasicConstraints,
    name::Name,
    time::Time,
};

const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
/// Intel, "PCK Certificate and CRL Profile Specification", SGX extensions.
const SGX: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113741.1.13.1");
const SGX_FMSPC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113741.1.13.1.4");
/// AMD 57230, VCEK extensions.
const AMD_PRODUCT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.2");
const AMD_HARDWARE_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.4");
const AMD_BOOTLOADER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.1");
const AMD_TEE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.2");
const AMD_SNP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.3");
const AMD_MICROCODE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.8");
const AMD_FMC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.9");

/// When something is valid, in Unix milliseconds, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From when on.
    pub from_ms: u64,
    /// Until when.
    pub until_ms: u64,
}

impl Validity {
    /// Whether it is valid at `now_ms`.
    pub fn contains(&self, now_ms: u64) -> bool {
        (self.from_ms..=self.until_ms).contains(&now_ms)
    }

    /// The time in which both are valid.
    pub fn and(self, other: Self) -> Self {
        Self {
            from_ms: self.from_ms.max(other.from_ms),
            until_ms: self.until_ms.min(other.until_ms),
        }
    }
}

/// A certificate that can be read, with its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) der: Vec<u8>,
    inner: x509_cert::Certificate,
}

impl Certificate {
    pub(crate) fn parse(der: &[u8]) -> Option<Self> {
        let inner = x509_cert::Certificate::from_der(der).ok()?;
        Some(Self {
            der: der.to_vec(),
            inner,
        })
    }

    pub(crate) fn common_name(&self) -> String {
        common_name(&self.inner.tbs_certificate.subject)
    }

    pub(crate) fn issuer_common_name(&self) -> String {
        common_name(&self.inner.tbs_certificate.issuer)
    }

    pub(crate) fn issued_by(&self, issuer: &Self) -> bool {
        self.inner.tbs_certificate.issuer == issuer.inner.tbs_certificate.subject
    }

    pub(crate) fn is_root(&self) -> bool {
        self.issued_by(self)
    }

    pub(crate) fn is_authority(&self) -> bool {
        self.extension(BASIC_CONSTRAINTS)
            .and_then(|value| BasicConstraints::from_der(value).ok())
            .is_some_and(|constraints| constraints.ca)
    }

    pub(crate) fn validity(&self) -> Validity {
        let validity = &self.inner.tbs_certificate.validity;
        Validity {
            from_ms: milliseconds(validity.not_before),
            until_ms: milliseconds(validity.not_after),
        }
    }

    /// The family of platforms of a PCK certificate.
    pub(crate) fn fmspc(&self) -> Option<[u8; 6]> {
        let entries = Vec::<Any>::from_der(self.extension(SGX)?).ok()?;
        let value = entries.iter().find_map(|entry| {
            let mut reader = SliceReader::new(entry.value()).ok()?;
            let oid = ObjectIdentifier::decode(&mut reader).ok()?;
            (oid == SGX_FMSPC).then(|| Any::decode(&mut reader).ok())?
        })?;
        value.value().try_into().ok()
    }

    /// The product that a VCEK or VLEK names; the name may go on with a
    /// stepping: `Milan-B0`.
    pub(crate) fn product(&self) -> Option<Product> {
        let name = Ia5StringRef::from_der(self.extension(AMD_PRODUCT)?).ok()?;
        let family = name.as_str().split('-').next()?;
        family.to_ascii_lowercase().parse().ok()
    }

    /// The chip of a VCEK, sometimes wrapped once more as an OCTET STRING.
    pub(crate) fn hardware_id(&self) -> Option<&[u8]> {
        let value = self.extension(AMD_HARDWARE_ID)?;
        match OctetStringRef::from_der(value) {
            Ok(inner) if [8, 64].contains(&inner.as_bytes().len()) => Some(inner.as_bytes()),
            _ => Some(value),
        }
    }

    /// The firmware that a VCEK or VLEK belongs to.
    pub(crate) fn tcb(&self) -> Option<TcbVersion> {
        Some(TcbVersion {
            fmc: self.version(AMD_FMC).unwrap_or(0),
            bootloader: self.version(AMD_BOOTLOADER)?,
            tee: self.version(AMD_TEE)?,
            snp: self.version(AMD_SNP)?,
            microcode: self.version(AMD_MICROCODE)?,
        })
    }

    fn version(&self, oid: ObjectIdentifier) -> Option<u8> {
        u8::from_der(self.extension(oid)?).ok()
    }

    fn extension(&self, oid: ObjectIdentifier) -> Option<&[u8]> {
        let mut extensions = self.inner.tbs_certificate.extensions.iter().flatten();
        extensions
            .find(|extension| extension.extn_id == oid)
            .map(|extension| extension.extn_value.as_bytes())
    }
}

/// A revocation list that can be read, with its bytes.
#[derive(Clone, Debug)]
pub(crate) struct RevocationList {
    pub(crate) der: Vec<u8>,
    inner: x509_cert::crl::CertificateList,
}

impl RevocationList {
    pub(crate) fn parse(der: &[u8]) -> Option<Self> {
        let inner = x509_cert::crl::CertificateList::from_der(der).ok()?;
        Some(Self {
            der: der.to_vec(),
            inner,
        })
    }

    pub(crate) fn issued_by(&self, issuer: &Certificate) -> bool {
        self.inner.tbs_cert_list.issuer == issuer.inner.tbs_certificate.subject
    }

    /// From its date to the next list's; without one it is never valid.
    pub(crate) fn validity(&self) -> Validity {
        let list = &self.inner.tbs_cert_list;
        Validity {
            from_ms: milliseconds(list.this_update),
            until_ms: list.next_update.map_or(0, milliseconds),
        }
    }
}

fn milliseconds(time: Time) -> u64 {
    time.to_unix_duration().as_secs().saturating_mul(1000)
}

fn common_name(name: &Name) -> String {
    let attributes = name.0.iter().flat_map(|set| set.0.iter());
    attributes
        .filter(|attribute| attribute.oid == COMMON_NAME)
        .filter_map(|attribute| std::str::from_utf8(attribute.value.value()).ok())
        .next_back()
        .unwrap_or_default()
        .to_owned()
}
