//! The chain of an AMD platform: ARK, ASK or ASVK, VCEK or VLEK.
//!
//! A chain is checked once and then serves many reports: its three RSA
//! signatures cost more than all the rest.
//!
//! Invariants:
//! - a [`CheckedChain`] is made by [`CheckedChain::check`] alone, so holding
//!   one means that it leads to a root of the anchors it was checked with;
//! - it says when it is valid, and is used at no other time.
//!
//! Source: AMD 57230, certificate extensions and names.

use synod_crypto::Digest;
use x509_cert::der::{Decode, asn1::ObjectIdentifier};

use crate::{
    anchors::Anchors,
    endorsements::SnpEndorsements,
    snp::{
        error::{Link, SnpError},
        key::KeyKind,
        product::{Product, TcbVersion},
    },
    x509::{Certificate, CertificateError, RevocationList},
};

const PRODUCT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.2");
const BOOTLOADER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.1");
const TEE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.2");
const SNP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.3");
const MICROCODE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.8");
const FMC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.9");
const HARDWARE_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.4");
const CSP_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.5");

/// Whom a signing key belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOwner {
    /// One chip, by its id in the form of the report: 64 bytes, on Turin
    /// eight and zeros. The key is a VCEK.
    Chip(Box<[u8; 64]>),
    /// A cloud provider's fleet, by the provider's id. The key is a VLEK.
    Fleet {
        /// `CSP_ID`.
        csp_id: String,
    },
}

/// A chain that leads to a trusted root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedChain {
    product: Product,
    root: Digest,
    owner: KeyOwner,
    tcb: TcbVersion,
    /// A SEC1 point on P-384.
    public_key: Vec<u8>,
    from_ms: u64,
    expires_ms: u64,
    revocation_checked: bool,
}

impl CheckedChain {
    /// Checks a chain up to one of AMD's roots in `anchors`, at `now_ms` (Unix
    /// milliseconds): names, signatures, validity, revocation, and what the
    /// signing key says of itself.
    pub fn check(
        endorsements: &SnpEndorsements,
        anchors: &Anchors,
        now_ms: u64,
    ) -> Result<Self, SnpError> {
        let links = Links::parse(endorsements)?;
        let product = product_of(&anchors.roots().amd, &links.ark)?;
        let kind = links.check_names(product)?;
        links.check_signatures(now_ms / 1000)?;
        let list = links.check_revocation(endorsements.crl.as_deref(), now_ms / 1000)?;
        let (from_ms, expires_ms) = links.window_ms(list.as_ref());
        let key = Key {
            certificate: &links.signer,
            product,
        };
        key.check_product_name()?;
        Ok(Self {
            product,
            root: links.ark.digest(),
            owner: key.owner(kind)?,
            tcb: key.tcb()?,
            public_key: links.signer.p384_key().map_err(at(Link::Signer))?.to_vec(),
            from_ms,
            expires_ms,
            revocation_checked: list.is_some(),
        })
    }

    /// The processor family, by the root.
    pub fn product(&self) -> Product {
        self.product
    }

    /// SHA-256 of the root certificate.
    pub fn root(&self) -> Digest {
        self.root
    }

    /// Whom the signing key belongs to.
    pub fn owner(&self) -> &KeyOwner {
        &self.owner
    }

    /// The kind of the signing key.
    pub fn key_kind(&self) -> KeyKind {
        match self.owner {
            KeyOwner::Chip(_) => KeyKind::Vcek,
            KeyOwner::Fleet { .. } => KeyKind::Vlek,
        }
    }

    /// The firmware that the signing key is derived from.
    pub fn tcb(&self) -> TcbVersion {
        self.tcb
    }

    /// The time at which all certificates and the list are valid, as the first
    /// and the last millisecond (Unix).
    pub fn window_ms(&self) -> (u64, u64) {
        // The last second belongs to it.
        (self.from_ms, self.expires_ms.saturating_add(999))
    }

    /// When the first certificate or list expires (Unix milliseconds).
    pub(crate) fn expires_ms(&self) -> u64 {
        self.expires_ms
    }

    /// Whether a revocation list was available and lists no certificate.
    pub fn revocation_checked(&self) -> bool {
        self.revocation_checked
    }

    /// The key that signs reports, a SEC1 point on P-384.
    pub(crate) fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// Checks that the chain is valid at `now_ms`.
    pub(crate) fn check_window(&self, now_ms: u64) -> Result<(), SnpError> {
        let (from_ms, until_ms) = self.window_ms();
        if (from_ms..=until_ms).contains(&now_ms) {
            return Ok(());
        }
        Err(SnpError::OutsideWindow {
            from_ms,
            until_ms,
            now_ms,
        })
    }
}

/// The certificates, parsed but not verified.
struct Links {
    ark: Certificate,
    intermediate: Certificate,
    signer: Certificate,
}

impl Links {
    fn parse(endorsements: &SnpEndorsements) -> Result<Self, SnpError> {
        Ok(Self {
            ark: parse(Link::Ark, &endorsements.root)?,
            intermediate: parse(Link::Intermediate, &endorsements.intermediate)?,
            signer: parse(Link::Signer, &endorsements.signer)?,
        })
    }

    fn all(&self) -> [(Link, &Certificate); 3] {
        [
            (Link::Ark, &self.ark),
            (Link::Intermediate, &self.intermediate),
            (Link::Signer, &self.signer),
        ]
    }

    /// Checks the names that AMD gives; the signer's tells the kind of key.
    fn check_names(&self, product: Product) -> Result<KeyKind, SnpError> {
        let name = product.certificate_name();
        let fleet = self.signer.common_name().as_deref() == Some("SEV-VLEK");
        let (kind, intermediate, signer) = if fleet {
            (KeyKind::Vlek, format!("SEV-VLEK-{name}"), "SEV-VLEK")
        } else {
            (KeyKind::Vcek, format!("SEV-{name}"), "SEV-VCEK")
        };
        check_name(Link::Ark, &self.ark, &format!("ARK-{name}"))?;
        check_name(Link::Intermediate, &self.intermediate, &intermediate)?;
        check_name(Link::Signer, &self.signer, signer)?;
        Ok(kind)
    }

    /// The root is pinned whole, so its signature over itself says no more.
    fn check_signatures(&self, now_s: u64) -> Result<(), SnpError> {
        for (link, certificate) in self.all() {
            certificate.check_itself(now_s).map_err(at(link))?;
        }
        self.intermediate
            .check_issued_by(&self.ark, 1)
            .map_err(at(Link::Intermediate))?;
        self.signer
            .check_issued_by(&self.intermediate, 0)
            .and_then(|()| self.signer.check_end_entity())
            .map_err(at(Link::Signer))
    }

    /// Checks the root's list, if there is one, and gives it back.
    fn check_revocation(
        &self,
        crl: Option<&[u8]>,
        now_s: u64,
    ) -> Result<Option<RevocationList>, SnpError> {
        let Some(der) = crl else { return Ok(None) };
        let list = RevocationList::parse(der).map_err(at(Link::RevocationList))?;
        list.check_issued_by(&self.ark, now_s)
            .map_err(at(Link::RevocationList))?;
        // The root issues itself and the intermediates, and no signing keys.
        for (link, certificate) in [
            (Link::Ark, &self.ark),
            (Link::Intermediate, &self.intermediate),
        ] {
            list.check_not_revoked(certificate).map_err(at(link))?;
        }
        Ok(Some(list))
    }

    /// From when and until when all of them are valid.
    fn window_ms(&self, list: Option<&RevocationList>) -> (u64, u64) {
        let windows = self
            .all()
            .map(|(_, it)| (it.valid_from_ms(), it.expires_ms()));
        let list = list.map(|it| (it.made_ms(), it.expires_ms()));
        windows
            .into_iter()
            .chain(list)
            .fold((0, u64::MAX), |(from, until), (first, last)| {
                (from.max(first), until.min(last))
            })
    }
}

/// What the signing key says of itself.
struct Key<'a> {
    certificate: &'a Certificate,
    product: Product,
}

impl Key<'_> {
    fn owner(&self, kind: KeyKind) -> Result<KeyOwner, SnpError> {
        Ok(match kind {
            KeyKind::Vcek => KeyOwner::Chip(Box::new(self.chip_id()?)),
            KeyKind::Vlek => KeyOwner::Fleet {
                csp_id: self.text(CSP_ID, "CSP_ID")?,
            },
        })
    }

    fn tcb(&self) -> Result<TcbVersion, SnpError> {
        let fmc = match self.product {
            Product::Turin | Product::Venice => self.version(FMC, "FMC")?,
            Product::Milan | Product::Genoa => 0,
        };
        Ok(TcbVersion {
            fmc,
            bootloader: self.version(BOOTLOADER, "BOOTLOADER")?,
            tee: self.version(TEE, "TEE")?,
            snp: self.version(SNP, "SNP")?,
            microcode: self.version(MICROCODE, "UCODE")?,
        })
    }

    fn chip_id(&self) -> Result<[u8; 64], SnpError> {
        let wrong = SnpError::Extension("HWID");
        let value = self.required(HARDWARE_ID, "HWID")?;
        let length = match self.product {
            Product::Turin | Product::Venice => 8,
            Product::Milan | Product::Genoa => 64,
        };
        let id = match value {
            // Some certificates wrap the bytes once more, as an OCTET STRING.
            [4, inner_length, inner @ ..]
                if usize::from(*inner_length) == length && inner.len() == length =>
            {
                inner
            }
            raw => raw,
        };
        if id.len() != length {
            return Err(wrong);
        }
        let mut chip_id = [0; 64];
        chip_id[..length].copy_from_slice(id);
        Ok(chip_id)
    }

    /// Checks that the signing key names the root's product. The name may go
    /// on with a stepping: `Milan-B0`.
    fn check_product_name(&self) -> Result<(), SnpError> {
        let name = self.text(PRODUCT_NAME, "PRODUCT_NAME")?;
        let family = name.split('-').next().unwrap_or_default();
        if family != self.product.certificate_name() {
            return Err(SnpError::Extension("PRODUCT_NAME"));
        }
        Ok(())
    }

    fn version(&self, oid: ObjectIdentifier, name: &'static str) -> Result<u8, SnpError> {
        u8::from_der(self.required(oid, name)?).map_err(|_| SnpError::Extension(name))
    }

    fn text(&self, oid: ObjectIdentifier, name: &'static str) -> Result<String, SnpError> {
        let value = self.required(oid, name)?;
        let text = x509_cert::der::asn1::Ia5StringRef::from_der(value)
            .map_err(|_| SnpError::Extension(name))?;
        Ok(text.as_str().to_owned())
    }

    fn required(&self, oid: ObjectIdentifier, name: &'static str) -> Result<&[u8], SnpError> {
        self.certificate
            .extension(oid)
            .ok_or(SnpError::Extension(name))
    }
}

/// The product whose root this is.
fn product_of(roots: &[(Product, Digest)], ark: &Certificate) -> Result<Product, SnpError> {
    let found = ark.digest();
    roots
        .iter()
        .find(|(_, root)| *root == found)
        .map(|(product, _)| *product)
        .ok_or(SnpError::RootNotTrusted { found })
}

fn parse(link: Link, der: &[u8]) -> Result<Certificate, SnpError> {
    Certificate::parse(der).map_err(at(link))
}

fn at(link: Link) -> impl Fn(CertificateError) -> SnpError {
    move |problem| SnpError::Certificate { link, problem }
}

fn check_name(link: Link, certificate: &Certificate, expected: &str) -> Result<(), SnpError> {
    let found = certificate.common_name().unwrap_or_default();
    if found != expected {
        return Err(SnpError::CertificateName {
            link,
            expected: expected.to_owned(),
            found,
        });
    }
    Ok(())
}
