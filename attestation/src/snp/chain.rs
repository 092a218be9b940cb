//! The chain of an AMD platform: ARK, ASK or ASVK, VCEK or VLEK.
//!
//! Source: AMD 57230, certificate extensions and names.

use synod_crypto::Digest;
use x509_cert::der::{Decode, asn1::ObjectIdentifier};

use crate::{
    endorsements::SnpEndorsements,
    snp::{
        error::{Link, SnpError},
        product::{Product, TcbVersion},
        report::KeyKind,
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

/// A chain that leads to a trusted root.
pub(crate) struct Chain {
    signer: Certificate,
    pub(crate) product: Product,
    pub(crate) root: Digest,
    pub(crate) expires_ms: u64,
    pub(crate) revocation_checked: bool,
}

impl Chain {
    /// Verifies a chain up to one of `roots` at `now_s`.
    pub(crate) fn verify(
        endorsements: &SnpEndorsements,
        key_kind: KeyKind,
        roots: &[(Product, Digest)],
        now_s: u64,
    ) -> Result<Self, SnpError> {
        let ark = parse(Link::Ark, &endorsements.root)?;
        let product = product_of(roots, &ark)?;
        let intermediate = parse(Link::Intermediate, &endorsements.intermediate)?;
        let signer = parse(Link::Signer, &endorsements.signer)?;
        check_names(product, key_kind, &ark, &intermediate, &signer)?;
        for (link, certificate) in [
            (Link::Ark, &ark),
            (Link::Intermediate, &intermediate),
            (Link::Signer, &signer),
        ] {
            certificate.check_itself(now_s).map_err(at(link))?;
        }
        ark.check_issued_by(&ark, 0).map_err(at(Link::Ark))?;
        intermediate
            .check_issued_by(&ark, 1)
            .map_err(at(Link::Intermediate))?;
        signer
            .check_issued_by(&intermediate, 0)
            .map_err(at(Link::Signer))?;
        let revocation_checked =
            check_revocation(endorsements.crl.as_deref(), &ark, &intermediate, now_s)?;
        let expires_ms = [&ark, &intermediate, &signer]
            .map(Certificate::expires_ms)
            .into_iter()
            .min()
            .unwrap_or(0);
        Ok(Self {
            root: ark.digest(),
            signer,
            product,
            expires_ms,
            revocation_checked,
        })
    }

    /// The key that signs reports, a SEC1 point on P-384.
    pub(crate) fn signer_key(&self) -> Result<&[u8], SnpError> {
        self.signer.p384_key().map_err(at(Link::Signer))
    }

    /// The firmware that the signing key is derived from.
    pub(crate) fn tcb(&self) -> Result<TcbVersion, SnpError> {
        let fmc = match self.product {
            Product::Turin => self.version(FMC, "FMC")?,
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

    /// The chip that a VCEK belongs to, in the form of the report: 64 bytes,
    /// on Turin eight and zeros.
    pub(crate) fn chip_id(&self) -> Result<[u8; 64], SnpError> {
        let wrong = SnpError::Extension("HWID");
        let value = self.required(HARDWARE_ID, "HWID")?;
        let length = match self.product {
            Product::Turin => 8,
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

    /// The cloud provider that a VLEK belongs to.
    pub(crate) fn csp_id(&self) -> Result<String, SnpError> {
        self.text(CSP_ID, "CSP_ID")
    }

    /// Checks that the signing key names the root's product. The name may go
    /// on with a stepping: `Milan-B0`.
    pub(crate) fn check_product_name(&self) -> Result<(), SnpError> {
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
        self.signer
            .extension(oid)
            .map_err(at(Link::Signer))?
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

fn check_names(
    product: Product,
    key_kind: KeyKind,
    ark: &Certificate,
    intermediate: &Certificate,
    signer: &Certificate,
) -> Result<(), SnpError> {
    let name = product.certificate_name();
    let (intermediate_name, signer_name) = match key_kind {
        KeyKind::Vcek => (format!("SEV-{name}"), "SEV-VCEK"),
        KeyKind::Vlek => (format!("SEV-VLEK-{name}"), "SEV-VLEK"),
    };
    check_name(Link::Ark, ark, &format!("ARK-{name}"))?;
    check_name(Link::Intermediate, intermediate, &intermediate_name)?;
    check_name(Link::Signer, signer, signer_name)
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

/// Checks the root's list, if there is one; tells whether there was.
fn check_revocation(
    crl: Option<&[u8]>,
    ark: &Certificate,
    intermediate: &Certificate,
    now_s: u64,
) -> Result<bool, SnpError> {
    let Some(der) = crl else { return Ok(false) };
    let list = RevocationList::parse(der).map_err(at(Link::RevocationList))?;
    list.check_issued_by(ark, now_s)
        .map_err(at(Link::RevocationList))?;
    list.check_not_revoked(intermediate)
        .map_err(at(Link::Intermediate))?;
    Ok(true)
}
