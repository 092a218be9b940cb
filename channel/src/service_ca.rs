//! The service's certificate authority: a key that all trusted replicas share,
//! so that ordinary TLS clients can find any of them under one root.
//!
//! It signs certificates of replicas' own TLS keys, for a day at most. No
//! receipt and no key release rests on it.

use rcgen::{
    BasicConstraints, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SignatureAlgorithm,
};
use rustls::pki_types::ServerName;
use synod_crypto::{Digest, Secret};

use crate::{
    certificate::{Certificate, CertificateError, LIFETIME_MAX_MS, dated_params, leaf_params},
    key::TlsKey,
    spki::Spki,
};

/// How long the root certificate lives: ten years, in milliseconds.
const ROOT_LIFETIME_MS: u64 = 10 * 365 * 24 * 60 * 60 * 1000;
/// Digits of the network id in the names of root and replicas.
const NETWORK_DIGITS: usize = 16;

/// A replica's copy of the service key.
pub struct ServiceCa {
    issuer: Issuer<'static, TlsKey>,
    certificate: Certificate,
    network: Digest,
}

impl ServiceCa {
    /// The authority that belongs to `secret`. Replicas that pass the same
    /// arguments get one and the same authority: their root certificates carry
    /// the same name and key and stand for each other, though the signature
    /// bytes differ.
    pub fn new(
        secret: &Secret<32>,
        network: Digest,
        from_ms: u64,
    ) -> Result<Self, CertificateError> {
        let key = TlsKey::from_seed(secret);
        let spki = key.spki().clone();
        let name = format!("synod {}", short(network));
        let until_ms = from_ms.saturating_add(ROOT_LIFETIME_MS);
        let mut params = dated_params(&name, from_ms, until_ms)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let made = params
            .self_signed(&key)
            .map_err(|_| CertificateError::Unencodable)?;
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate: Certificate::made(&made, &spki, from_ms, until_ms),
            network,
        })
    }

    /// The root certificate, for clients to pin.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Issues a server certificate to the P-256 key `subject`, for `names`
    /// (IP addresses or DNS names).
    pub fn issue(
        &self,
        subject: &Spki,
        names: &[String],
        from_ms: u64,
        until_ms: u64,
    ) -> Result<Certificate, CertificateError> {
        let point = subject.p256_point().ok_or(CertificateError::NotP256)?;
        if until_ms.saturating_sub(from_ms) > LIFETIME_MAX_MS {
            return Err(CertificateError::LifetimeTooLong);
        }
        let name = format!("synod {} replica", short(self.network));
        let mut params = leaf_params(&name, subject, from_ms, until_ms)?;
        params.subject_alt_names = alternative_names(names)?;
        params.use_authority_key_identifier_extension = true;
        params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth);
        let made = params
            .signed_by(&P256Point(point), &self.issuer)
            .map_err(|_| CertificateError::Unencodable)?;
        Ok(Certificate::made(&made, subject, from_ms, until_ms))
    }
}

impl std::fmt::Debug for ServiceCa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServiceCa({:?})", self.certificate.spki())
    }
}

struct P256Point<'a>(&'a [u8]);

impl PublicKeyData for P256Point<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

fn short(network: Digest) -> String {
    let mut text = network.to_string();
    text.truncate(NETWORK_DIGITS);
    text
}

fn alternative_names(names: &[String]) -> Result<Vec<SanType>, CertificateError> {
    if names.is_empty() {
        return Err(CertificateError::NoNames);
    }
    names.iter().map(|name| alternative_name(name)).collect()
}

fn alternative_name(name: &str) -> Result<SanType, CertificateError> {
    let bad = || CertificateError::BadName(name.to_owned());
    match ServerName::try_from(name).map_err(|_| bad())? {
        ServerName::IpAddress(address) => Ok(SanType::IpAddress(address.into())),
        ServerName::DnsName(dns) => {
            let text = dns.as_ref().to_owned();
            Ok(SanType::DnsName(text.try_into().map_err(|_| bad())?))
        }
        _ => Err(bad()),
    }
}
