//! Endorsements in the shapes that people keep them in, known by content.
//!
//! A bundle takes files one by one and says what it found; names of files do not
//! matter. Then it is asked for all endorsements that might be for a platform.
//!
//! Invariants:
//! - nothing here is verified; wrong pieces make candidates that fail later;
//! - pieces and candidates are bounded in number.

use synod_attestation::{
    Endorsements, IntelCollateral, SnpEndorsements,
    snp::{certificate_table, key::KeyKind, product::Product},
};

use crate::{
    answer::{self, Signed},
    certificate::{Certificate, RevocationList},
    pem,
    platform::{AmdPlatform, AmdSigner, IntelPlatform, Platform},
};

/// The most pieces of one kind that are kept.
pub const PIECES_MAX: usize = 256;
/// The most candidates that are made for one platform.
pub const CANDIDATES_MAX: usize = 16;

/// Pieces of endorsements.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    whole: Vec<Endorsements>,
    tcb_infos: Vec<Signed>,
    identities: Vec<Signed>,
    certificates: Vec<Certificate>,
    lists: Vec<RevocationList>,
}

impl Bundle {
    /// Takes what a file holds; whether it held anything.
    pub fn take(&mut self, bytes: &[u8]) -> bool {
        let before = self.pieces();
        match bytes.trim_ascii_start() {
            text if text.starts_with(b"{") => self.take_json(bytes),
            text if text.starts_with(b"-----BEGIN ") => self.take_pem(bytes),
            _ => self.take_binary(bytes),
        }
        self.pieces() > before
    }

    /// The pieces of the certificate table that a host hands out next to a
    /// report (`attestation::snp::certificate_table`); none if it is malformed.
    pub fn of_certificate_table(table: &[u8]) -> Self {
        let table = certificate_table::parse(table).unwrap_or_default();
        let mut bundle = Self::default();
        let pieces = [table.vcek, table.vlek, table.ask, table.ark, table.crl];
        for piece in pieces.into_iter().flatten() {
            bundle.take_der(&piece);
        }
        bundle
    }

    /// All endorsements that these pieces make and that may be for `platform`;
    /// or what is lacking for the first.
    pub fn candidates(&self, platform: &Platform) -> Result<Vec<Endorsements>, &'static str> {
        let whole = self.whole.iter().filter(|whole| match platform {
            Platform::Amd(_) => matches!(whole, Endorsements::Snp(_)),
            Platform::Intel(_) => matches!(whole, Endorsements::Intel(_)),
            Platform::IntelUnnamed { .. } => matches!(
                whole,
                Endorsements::Intel(collateral) if collateral.pck_certificate_chain.is_some()
            ),
            Platform::Nitro => false,
        });
        let mut candidates: Vec<Endorsements> = whole.cloned().collect();
        let made = match platform {
            Platform::Intel(intel) => self.intel(intel),
            Platform::Amd(amd) => self.amd(amd),
            Platform::IntelUnnamed { .. } => Err("collateral with a PCK chain"),
            Platform::Nitro => Ok(Vec::new()),
        };
        match made {
            Ok(made) => candidates.extend(made),
            Err(lacks) if candidates.is_empty() => return Err(lacks),
            Err(_) => {}
        }
        candidates.dedup();
        candidates.truncate(CANDIDATES_MAX);
        Ok(candidates)
    }

    /// The certificates that may be of the key that signs for `platform`.
    pub(crate) fn amd_signers(&self, platform: &AmdPlatform) -> Vec<(Product, Vec<u8>)> {
        let name = match platform.signer {
            AmdSigner::Vcek { .. } => "SEV-VCEK",
            AmdSigner::Vlek { .. } => "SEV-VLEK",
        };
        let fits = |certificate: &Certificate, product| {
            let chip = platform.hardware_id(product);
            certificate.tcb() == Some(platform.tcb(product))
                && chip.is_none_or(|chip| certificate.hardware_id() == Some(chip))
        };
        self.certificates
            .iter()
            .filter(|certificate| certificate.common_name() == name)
            .filter_map(|certificate| {
                let product = certificate.product()?;
                let fits = platform.products.contains(&product) && fits(certificate, product);
                fits.then(|| (product, certificate.der.clone()))
            })
            .take(CANDIDATES_MAX)
            .collect()
    }

    fn pieces(&self) -> usize {
        self.whole.len()
            + self.tcb_infos.len()
            + self.identities.len()
            + self.certificates.len()
            + self.lists.len()
    }

    fn take_json(&mut self, bytes: &[u8]) {
        if let Ok(signed) = answer::tcb_info(bytes) {
            push(&mut self.tcb_infos, signed);
        } else if let Ok(signed) = answer::qe_identity(bytes) {
            push(&mut self.identities, signed);
        } else if let Ok(text) = std::str::from_utf8(bytes)
            && let Ok(whole) = Endorsements::intel_from_json(text)
        {
            push(&mut self.whole, whole);
        }
    }

    fn take_pem(&mut self, bytes: &[u8]) {
        for block in pem::blocks(bytes).unwrap_or_default() {
            self.take_der(&block.der);
        }
    }

    fn take_binary(&mut self, bytes: &[u8]) {
        if bytes.first() == Some(&0x30) {
            self.take_der(bytes);
        } else if let Ok(whole) = Endorsements::decode(bytes) {
            push(&mut self.whole, whole);
        } else if let Ok(der) = answer::revocation_list(bytes) {
            self.take_der(&der);
        }
    }

    fn take_der(&mut self, der: &[u8]) {
        if let Some(certificate) = Certificate::parse(der) {
            push(&mut self.certificates, certificate);
        } else if let Some(list) = RevocationList::parse(der) {
            push(&mut self.lists, list);
        }
    }

    fn intel(&self, platform: &IntelPlatform) -> Result<Vec<Endorsements>, &'static str> {
        let of_quote = platform
            .chain
            .iter()
            .filter_map(|der| Certificate::parse(der));
        let certificates: Vec<Certificate> =
            self.certificates.iter().cloned().chain(of_quote).collect();
        let stated = |signed: &&Signed| answer::stated(&signed.text).ok();
        let tcb_infos = self.tcb_infos.iter().filter(|signed| {
            stated(signed).is_some_and(|stated| {
                stated.tee == Some(platform.tee) && stated.fmspc == Some(platform.fmspc)
            })
        });
        let identities: Vec<&Signed> = self
            .identities
            .iter()
            .filter(|signed| stated(signed).is_some_and(|stated| stated.tee == Some(platform.tee)))
            .collect();
        let lists = self.intel_lists(&certificates, platform)?;
        let chains = tcb_chains(&certificates);
        let mut lacks = "TCB information for this platform";
        let mut made = Vec::new();
        for tcb_info in tcb_infos {
            lacks = "identity of the quoting enclave";
            for identity in &identities {
                lacks = "certificate of the one who signs TCB information";
                for chain in &chains {
                    made.extend(
                        lists
                            .iter()
                            .map(|lists| lists.with(tcb_info, identity, chain)),
                    );
                }
            }
        }
        if made.is_empty() {
            Err(lacks)
        } else {
            Ok(made)
        }
    }

    /// Lists of the platform's authority and of its root, with their chain.
    fn intel_lists(
        &self,
        certificates: &[Certificate],
        platform: &IntelPlatform,
    ) -> Result<Vec<IntelLists<'_>>, &'static str> {
        let authority = certificates.iter().find(|certificate| {
            crate::part::PckCa::of_common_name(&certificate.common_name()) == Some(platform.ca)
        });
        let authority = authority.ok_or("certificate of the PCK authority")?;
        let root = certificates.iter().find(|root| authority.issued_by(root));
        let root = root.ok_or("certificate of Intel's root")?;
        let of = |issuer: &Certificate| {
            let lists = self.lists.iter().filter(|list| list.issued_by(issuer));
            lists.collect::<Vec<_>>()
        };
        let (pck_crls, root_crls) = (of(authority), of(root));
        if pck_crls.is_empty() {
            return Err("revocation list of the PCK authority");
        }
        if root_crls.is_empty() {
            return Err("revocation list of Intel's root");
        }
        let chain = pem::encode(&[&authority.der, &root.der]);
        let pairs = pck_crls
            .iter()
            .flat_map(|pck_crl| root_crls.iter().map(move |root_crl| (*pck_crl, *root_crl)));
        Ok(pairs
            .take(CANDIDATES_MAX)
            .map(|(pck_crl, root_crl)| IntelLists {
                pck_crl,
                root_crl,
                chain: chain.clone(),
            })
            .collect())
    }

    fn amd(&self, platform: &AmdPlatform) -> Result<Vec<Endorsements>, &'static str> {
        let signers = self.amd_signers(platform);
        if signers.is_empty() {
            return Err(match platform.key() {
                KeyKind::Vlek => "VLEK certificate for this platform",
                KeyKind::Vcek => "VCEK certificate for this platform",
            });
        }
        let mut lacks = "ASK or ASVK";
        let mut made = Vec::new();
        for (_, der) in signers {
            let Some(signer) = Certificate::parse(&der) else {
                continue;
            };
            for intermediate in self.issuers(&signer) {
                lacks = "ARK";
                for root in self.issuers(intermediate).filter(|root| root.is_root()) {
                    made.push(self.snp(&signer, intermediate, root));
                }
            }
        }
        if made.is_empty() {
            Err(lacks)
        } else {
            Ok(made)
        }
    }

    fn issuers<'a>(&'a self, of: &'a Certificate) -> impl Iterator<Item = &'a Certificate> {
        let issuers = self
            .certificates
            .iter()
            .filter(|issuer| of.issued_by(issuer));
        issuers.take(CANDIDATES_MAX)
    }

    fn snp(
        &self,
        signer: &Certificate,
        intermediate: &Certificate,
        root: &Certificate,
    ) -> Endorsements {
        let lists = self.lists.iter().filter(|list| list.issued_by(root));
        // The newest: an older one knows less.
        let list = lists.max_by_key(|list| list.validity().from_ms);
        Endorsements::Snp(SnpEndorsements {
            signer: signer.der.clone(),
            intermediate: intermediate.der.clone(),
            root: root.der.clone(),
            crl: list.map(|list| list.der.clone()),
        })
    }
}

struct IntelLists<'a> {
    pck_crl: &'a RevocationList,
    root_crl: &'a RevocationList,
    /// PCK authority and root (PEM).
    chain: String,
}

impl IntelLists<'_> {
    fn with(&self, tcb_info: &Signed, identity: &Signed, chain: &str) -> Endorsements {
        Endorsements::Intel(Box::new(IntelCollateral {
            pck_crl_issuer_chain: self.chain.clone(),
            root_ca_crl: self.root_crl.der.clone(),
            pck_crl: self.pck_crl.der.clone(),
            tcb_info_issuer_chain: chain.to_owned(),
            tcb_info: tcb_info.text.clone(),
            tcb_info_signature: tcb_info.signature.clone(),
            qe_identity_issuer_chain: chain.to_owned(),
            qe_identity: identity.text.clone(),
            qe_identity_signature: identity.signature.clone(),
            pck_certificate_chain: None,
        }))
    }
}

/// The chains of those who may sign TCB information: issued by a root, no
/// authorities themselves. One of the past may lie next to that of today.
fn tcb_chains(certificates: &[Certificate]) -> Vec<String> {
    let roots: Vec<&Certificate> = certificates.iter().filter(|root| root.is_root()).collect();
    let signers = certificates.iter().filter(|signer| !signer.is_authority());
    let mut chains: Vec<String> = signers
        .filter_map(|signer| {
            let root = roots.iter().find(|root| signer.issued_by(root))?;
            Some(pem::encode(&[&signer.der, &root.der]))
        })
        .collect();
    chains.dedup();
    chains.truncate(CANDIDATES_MAX);
    chains
}

fn push<T>(pieces: &mut Vec<T>, piece: T) {
    if pieces.len() < PIECES_MAX {
        pieces.push(piece);
    }
}
