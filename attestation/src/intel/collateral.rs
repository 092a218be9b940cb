//! Intel's collateral, checked once and then used for many quotes.

use std::borrow::Cow;

use synod_crypto::Digest;

use crate::{
    endorsements::IntelCollateral,
    intel::{
        chain::{self, Anchor, Pck},
        document,
        error::{Chain, DocumentError, IntelError, Link},
        pck::PckExtension,
        pem,
        qe_identity::QeIdentity,
        quote::Quote,
        tcb_info::TcbInfo,
    },
    tee::Tee,
    x509::{Certificate, RevocationList},
};

/// Collateral that holds up to a trusted root, for a span of time: chains,
/// revocation lists and signatures are verified. Only
/// [`CheckedCollateral::check`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedCollateral {
    tee: Tee,
    anchor: Anchor,
    root: Digest,
    root_crl: RevocationList,
    pck_crl: RevocationList,
    /// Who issued the PCK list, where the collateral holds its certificate.
    authority: Option<Certificate>,
    /// The platform's own certificate, where the collateral holds it.
    pck: Option<CheckedPck>,
    pub(crate) tcb_info: TcbInfo,
    pub(crate) qe_identity: QeIdentity,
    window: Window,
}

/// A span of time, in Unix milliseconds, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// When the last part becomes valid.
    pub from_ms: u64,
    /// When the first part expires.
    pub until_ms: u64,
}

impl CheckedCollateral {
    /// Checks collateral for quotes of `tee`, up to the certificate `root`
    /// (DER), at `now_ms`.
    pub fn check(
        collateral: &IntelCollateral,
        tee: Tee,
        root: &[u8],
        now_ms: u64,
    ) -> Result<Self, IntelError> {
        let now_s = now_ms / 1000;
        let anchor = Anchor::parse(root)?;
        // The roots first: evidence under another one is refused for that.
        let [tcb_signer, _] =
            anchor.open(Chain::TcbInfo, collateral.tcb_info_issuer_chain.as_bytes())?;
        let [qe_signer, _] = anchor.open(
            Chain::QeIdentity,
            collateral.qe_identity_issuer_chain.as_bytes(),
        )?;
        let root_crl = root_crl(&anchor, &collateral.root_ca_crl, now_s)?;
        let mut window = Window::of(anchor.certificate());
        window.narrow(root_crl.made_ms(), root_crl.expires_ms());
        let mut signers = Signers {
            anchor: &anchor,
            root_crl: &root_crl,
            now_s,
            window,
            known: None,
        };
        let tcb_info = signers.tcb_info(&tcb_signer, collateral, tee)?;
        let qe_identity = signers.qe_identity(&qe_signer, collateral, tee)?;
        let window = signers.window;
        let pck_crl = RevocationList::parse(&collateral.pck_crl).map_err(IntelError::PckCrl)?;
        let mut checked = Self {
            tee,
            root: anchor.certificate().digest(),
            anchor,
            root_crl,
            pck_crl,
            authority: None,
            pck: None,
            tcb_info,
            qe_identity,
            window,
        };
        checked.find_authority(&collateral.pck_crl_issuer_chain, now_s)?;
        if let Some(pem) = &collateral.pck_certificate_chain {
            let pck = checked.check_chain(pem.as_bytes(), now_s)?;
            checked.window = checked.window.and(pck.window);
            checked.pck = Some(pck);
        }
        Ok(checked)
    }

    /// The TEE whose quotes these are for.
    pub fn tee(&self) -> Tee {
        self.tee
    }

    /// SHA-256 of the root certificate.
    pub fn root(&self) -> Digest {
        self.root
    }

    /// When all parts of it are valid.
    pub fn window(&self) -> Window {
        self.window
    }

    /// When the oldest of the parts that Intel issues anew each month was
    /// issued (Unix milliseconds): TCB information, QE identity, PCK list.
    pub fn issued_ms(&self) -> u64 {
        let documents = self.tcb_info.issue_date.min(self.qe_identity.issue_date);
        documents.ms().min(self.pck_crl.made_ms())
    }

    /// Checks that all parts are valid at `now_ms`.
    pub fn check_time(&self, now_ms: u64) -> Result<(), IntelError> {
        let Window { from_ms, until_ms } = self.window;
        // Certificates are dated in seconds, and valid through the last one.
        if now_ms / 1000 < from_ms / 1000 || now_ms / 1000 > until_ms / 1000 {
            return Err(IntelError::CollateralTime {
                from_ms,
                until_ms,
                now_ms,
            });
        }
        Ok(())
    }

    /// The PCK certificate for a quote: the collateral's, else the quote's
    /// own, verified.
    pub(crate) fn pck(
        &self,
        quote: &Quote<'_>,
        now_s: u64,
    ) -> Result<Cow<'_, CheckedPck>, IntelError> {
        if let Some(pck) = &self.pck {
            return Ok(Cow::Borrowed(pck));
        }
        let pem = quote.pck_chain().ok_or(IntelError::NoPckChain)?;
        self.check_chain(pem, now_s).map(Cow::Owned)
    }

    /// Checks that the TCB information is for this platform.
    pub(crate) fn check_platform(&self, platform: &PckExtension) -> Result<(), IntelError> {
        let (fmspc, pce_id) = (self.tcb_info.fmspc.0, self.tcb_info.pce_id.0);
        if platform.fmspc != fmspc {
            return Err(IntelError::Fmspc {
                platform: platform.fmspc,
                collateral: fmspc,
            });
        }
        if platform.pce_id != pce_id {
            return Err(IntelError::PceId {
                platform: platform.pce_id,
                collateral: pce_id,
            });
        }
        Ok(())
    }

    /// Takes the issuer of the PCK list from its chain. Some collections of
    /// collateral hold another chain there, or none; then the authority is
    /// the one in the PCK chain, and the list is verified when that is known.
    fn find_authority(&mut self, pem: &str, now_s: u64) -> Result<(), IntelError> {
        let chain = pem::decode_chain(pem.as_bytes()).unwrap_or_default();
        let Some(Ok(authority)) = chain.first().map(|der| Certificate::parse(der)) else {
            return Ok(());
        };
        if authority.subject() == self.pck_crl.issuer() {
            let window = self.check_authority(&authority, now_s)?;
            self.window = self.window.and(window);
            self.authority = Some(authority);
        }
        Ok(())
    }

    /// Checks that this authority is the root's, and that the PCK list is its;
    /// tells when both are valid.
    fn check_authority(&self, authority: &Certificate, now_s: u64) -> Result<Window, IntelError> {
        let link = Link::PckAuthority;
        self.anchor.check_authority(authority)?;
        chain::check_standing(link, authority, &self.root_crl, now_s)?;
        if authority.subject() != self.pck_crl.issuer() {
            return Err(IntelError::PckCrlOfAnotherAuthority);
        }
        self.pck_crl
            .check_issued_by(authority, now_s)
            .map_err(IntelError::PckCrl)?;
        let mut window = Window::of(authority);
        window.narrow(self.pck_crl.made_ms(), self.pck_crl.expires_ms());
        Ok(window)
    }

    /// Checks a PCK chain.
    fn check_chain(&self, pem: &[u8], now_s: u64) -> Result<CheckedPck, IntelError> {
        let [leaf, issuer, _] = self.anchor.open(Chain::Pck, pem)?;
        let leaf = chain::parse(Link::Pck, &leaf)?;
        let known = self
            .authority
            .as_ref()
            .filter(|known| known.der() == issuer);
        let (pck, window) = if let Some(authority) = known {
            (self.anchor.check_pck(leaf, authority)?, self.window)
        } else {
            let authority = chain::parse(Link::PckAuthority, &issuer)?;
            let window = self.check_authority(&authority, now_s)?;
            (self.anchor.check_pck(leaf, &authority)?, window)
        };
        chain::check_standing(Link::Pck, &pck.certificate, &self.pck_crl, now_s)?;
        let window = window.and(Window::of(&pck.certificate));
        Ok(CheckedPck { pck, window })
    }
}

/// A PCK certificate that holds, and when all of its chain does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckedPck {
    pub(crate) pck: Pck,
    pub(crate) window: Window,
}

impl Window {
    fn of(certificate: &Certificate) -> Self {
        Self {
            from_ms: certificate.valid_from_ms(),
            until_ms: certificate.expires_ms(),
        }
    }

    fn narrow(&mut self, from_ms: u64, until_ms: u64) {
        *self = self.and(Self { from_ms, until_ms });
    }

    /// When both hold.
    pub fn and(self, other: Self) -> Self {
        Self {
            from_ms: self.from_ms.max(other.from_ms),
            until_ms: self.until_ms.min(other.until_ms),
        }
    }
}

/// The root's own list; the root must be valid and not on it.
fn root_crl(anchor: &Anchor, der: &[u8], now_s: u64) -> Result<RevocationList, IntelError> {
    let root = anchor.certificate();
    let list = RevocationList::parse(der).map_err(IntelError::RootCrl)?;
    root.check_extensions().map_err(chain::at(Link::Root))?;
    list.check_issued_by(root, now_s)
        .map_err(IntelError::RootCrl)?;
    chain::check_standing(Link::Root, root, &list, now_s)?;
    Ok(list)
}

/// Verifies the signed documents, and gathers until when all of it holds.
struct Signers<'a> {
    anchor: &'a Anchor,
    root_crl: &'a RevocationList,
    now_s: u64,
    window: Window,
    /// The signer that was verified last: Intel has one for both documents.
    known: Option<Certificate>,
}

impl Signers<'_> {
    fn tcb_info(
        &mut self,
        signer: &[u8],
        collateral: &IntelCollateral,
        tee: Tee,
    ) -> Result<TcbInfo, IntelError> {
        let signer = self.signer(Link::TcbInfoSigner, signer)?;
        let (text, signature) = (&collateral.tcb_info, &collateral.tcb_info_signature);
        let read = || -> Result<TcbInfo, DocumentError> {
            let info = document::read::<TcbInfo>(text, signature, &signer)?.sorted();
            info.check(tee, self.now_s)?;
            Ok(info)
        };
        let info = read().map_err(IntelError::TcbInfo)?;
        self.window
            .narrow(info.issue_date.ms(), info.next_update.ms());
        Ok(info)
    }

    fn qe_identity(
        &mut self,
        signer: &[u8],
        collateral: &IntelCollateral,
        tee: Tee,
    ) -> Result<QeIdentity, IntelError> {
        let signer = self.signer(Link::QeIdentitySigner, signer)?;
        let (text, signature) = (&collateral.qe_identity, &collateral.qe_identity_signature);
        let read = || -> Result<QeIdentity, DocumentError> {
            let identity = document::read::<QeIdentity>(text, signature, &signer)?;
            identity.check(tee, self.now_s)?;
            Ok(identity)
        };
        let identity = read().map_err(IntelError::QeIdentity)?;
        self.window
            .narrow(identity.issue_date.ms(), identity.next_update.ms());
        Ok(identity)
    }

    /// The signer of a document, issued by the root itself.
    fn signer(&mut self, link: Link, der: &[u8]) -> Result<Certificate, IntelError> {
        if let Some(known) = self.known.as_ref().filter(|known| known.der() == der) {
            return Ok(known.clone());
        }
        let signer = chain::parse(link, der)?;
        self.anchor.check_signer(link, &signer)?;
        chain::check_standing(link, &signer, self.root_crl, self.now_s)?;
        self.window = self.window.and(Window::of(&signer));
        self.known = Some(signer.clone());
        Ok(signer)
    }
}
