//! Certificates under Intel's root: which certificate is allowed at which place.
//!
//! Intel's chains have a fixed shape: the root issues the PCK authorities and
//! the signers of collateral; a PCK authority issues PCK certificates.

use synod_crypto::sha256;

use crate::{
    intel::{
        error::{Chain, IntelError, Link},
        pck::{PckExtension, SGX_EXTENSION},
        pem,
    },
    x509::{Certificate, CertificateError, RevocationList},
};

const ROOT: &str = "Intel SGX Root CA";
const PCK_AUTHORITIES: [&str; 2] = ["Intel SGX PCK Platform CA", "Intel SGX PCK Processor CA"];
const PCK: &str = "Intel SGX PCK Certificate";
const SIGNER: &str = "Intel SGX TCB Signing";

/// The trusted root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Anchor(Certificate);

/// A PCK certificate whose chain holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pck {
    pub(crate) certificate: Certificate,
    pub(crate) extension: PckExtension,
}

impl Anchor {
    pub(crate) fn parse(der: &[u8]) -> Result<Self, IntelError> {
        Certificate::parse(der).map(Self).map_err(at(Link::Root))
    }

    pub(crate) fn certificate(&self) -> &Certificate {
        &self.0
    }

    /// Reads a PEM chain of `N` certificates, the last of which is this root;
    /// gives back the DER of all of them.
    pub(crate) fn open<const N: usize>(
        &self,
        chain: Chain,
        text: &[u8],
    ) -> Result<[Vec<u8>; N], IntelError> {
        let certificates = pem::decode_chain(text).map_err(|_| IntelError::Pem(chain))?;
        let found = certificates.len();
        let certificates: [Vec<u8>; N] =
            certificates
                .try_into()
                .map_err(|_| IntelError::ChainLength {
                    chain,
                    expected: N,
                    found,
                })?;
        match certificates.last() {
            Some(root) if root != self.0.der() => Err(IntelError::RootNotTrusted {
                found: sha256(&[root]),
            }),
            _ => Ok(certificates),
        }
    }

    /// Checks, but for time, that the root issued this PCK authority.
    pub(crate) fn check_authority(&self, authority: &Certificate) -> Result<(), IntelError> {
        let link = Link::PckAuthority;
        authority.check_extensions().map_err(at(link))?;
        authority.check_issued_by(&self.0, 1).map_err(at(link))?;
        self.check_name(link, authority, &PCK_AUTHORITIES)
    }

    /// Checks, but for time, that the root issued this signer of collateral.
    pub(crate) fn check_signer(&self, link: Link, signer: &Certificate) -> Result<(), IntelError> {
        signer.check_extensions().map_err(at(link))?;
        signer.check_issued_by(&self.0, 0).map_err(at(link))?;
        signer.check_end_entity().map_err(at(link))?;
        self.check_name(link, signer, &[SIGNER])
    }

    /// Checks, but for time, that the authority issued this PCK certificate,
    /// and reads its extension.
    pub(crate) fn check_pck(
        &self,
        certificate: Certificate,
        authority: &Certificate,
    ) -> Result<Pck, IntelError> {
        let link = Link::Pck;
        certificate.check_extensions().map_err(at(link))?;
        certificate
            .check_issued_by(authority, 0)
            .map_err(at(link))?;
        certificate.check_end_entity().map_err(at(link))?;
        self.check_name(link, &certificate, &[PCK])?;
        certificate.p256_key().map_err(at(link))?;
        let value = certificate.extension(SGX_EXTENSION);
        let extension = PckExtension::parse(value.ok_or(IntelError::PckExtension("missing"))?)?;
        Ok(Pck {
            certificate,
            extension,
        })
    }

    /// Under a root that is named as Intel's, everything else is too.
    fn check_name(
        &self,
        link: Link,
        certificate: &Certificate,
        allowed: &[&str],
    ) -> Result<(), IntelError> {
        if self.0.common_name().as_deref() != Some(ROOT) {
            return Ok(());
        }
        let found = certificate.common_name().unwrap_or_default();
        if !allowed.contains(&found.as_str()) {
            return Err(IntelError::Name { link, found });
        }
        Ok(())
    }
}

impl Pck {
    /// The key that signs reports of the quoting enclave, a SEC1 point.
    pub(crate) fn key(&self) -> Result<&[u8], IntelError> {
        self.certificate.p256_key().map_err(at(Link::Pck))
    }
}

/// Parses a certificate of a chain.
pub(crate) fn parse(link: Link, der: &[u8]) -> Result<Certificate, IntelError> {
    Certificate::parse(der).map_err(at(link))
}

/// Checks that a certificate is valid now, and not on its issuer's list.
pub(crate) fn check_standing(
    link: Link,
    certificate: &Certificate,
    list: &RevocationList,
    now_s: u64,
) -> Result<(), IntelError> {
    certificate.check_time(now_s).map_err(at(link))?;
    list.check_not_revoked(certificate).map_err(at(link))
}

pub(crate) fn at(link: Link) -> impl Fn(CertificateError) -> IntelError {
    move |problem| IntelError::Certificate { link, problem }
}
