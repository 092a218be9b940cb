//! Trust anchors: the roots that evidence is verified up to.
//!
//! Invariants:
//! - [`VendorRoots`] holds the vendors' roots and can hold nothing else;
//! - simulated roots are of another type, [`MockRoots`], so a policy for
//!   vendor roots cannot be talked into them by any flag;
//! - a root is known by the SHA-256 of its certificate.

use synod_crypto::{Digest, sha256};

use crate::{simulated, snp::product::Product};

/// Intel SGX Root CA, valid until 2049.
const INTEL_SGX_ROOT: &[u8] = include_bytes!("../roots/intel-sgx-root.der");

/// SHA-256 of the roots that are not needed whole.
const AMD_MILAN: &str = "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd";
const AMD_GENOA: &str = "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1";
const AMD_TURIN: &str = "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a";
const AWS_NITRO_G1: &str = "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b";

/// The roots of real hardware: AMD's ARK of Milan, Genoa and Turin, Intel's
/// SGX Root CA, AWS Nitro Enclaves Root G1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorRoots(RootSet);

impl VendorRoots {
    /// The roots that are built in. There is no other way to get some.
    pub fn built_in() -> Self {
        let pinned = |text: &str| text.parse().expect("a built-in digest is hexadecimal");
        Self(RootSet {
            amd: vec![
                (Product::Milan, pinned(AMD_MILAN)),
                (Product::Genoa, pinned(AMD_GENOA)),
                (Product::Turin, pinned(AMD_TURIN)),
            ],
            intel: INTEL_SGX_ROOT.to_vec(),
            aws: pinned(AWS_NITRO_G1),
        })
    }
}

/// Roots of simulated vendors. Their private keys are published, so whatever
/// they sign proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MockRoots(RootSet);

impl MockRoots {
    /// The roots of the simulated attester.
    pub fn published() -> Self {
        Self::new(
            simulated::AMD_ARK,
            simulated::INTEL_ROOT,
            simulated::AWS_ROOT,
        )
    }

    /// Other simulated roots, as DER certificates.
    pub fn new(amd_turin: &[u8], intel: &[u8], aws: &[u8]) -> Self {
        Self(RootSet {
            amd: vec![(Product::Turin, sha256(&[amd_turin]))],
            intel: intel.to_vec(),
            aws: sha256(&[aws]),
        })
    }

    /// Whether a root certificate with this digest is among these.
    pub fn contains(&self, root: &Digest) -> bool {
        self.0.contains(root)
    }
}

/// The roots to verify with: of real hardware, or simulated, never both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anchors {
    /// Real hardware.
    Vendor(VendorRoots),
    /// No hardware. Verdicts are marked as simulated.
    Simulated(MockRoots),
}

impl Anchors {
    /// Whether these are simulated roots.
    pub fn simulated(&self) -> bool {
        matches!(self, Self::Simulated(_))
    }

    /// Names this set of roots.
    pub fn digest(&self) -> Digest {
        let kind: &[u8] = if self.simulated() { b"mock" } else { b"vendor" };
        let set = self.roots();
        let intel = sha256(&[&set.intel]);
        let mut parts: Vec<&[u8]> = vec![kind, intel.as_bytes(), set.aws.as_bytes()];
        for (product, digest) in &set.amd {
            parts.extend([product.name().as_bytes(), digest.as_bytes()]);
        }
        sha256(&parts)
    }

    /// Intel's root certificate (DER), for checking collateral on its own.
    pub fn intel_root(&self) -> &[u8] {
        &self.roots().intel
    }

    pub(crate) fn roots(&self) -> &RootSet {
        match self {
            Self::Vendor(VendorRoots(set)) | Self::Simulated(MockRoots(set)) => set,
        }
    }
}

/// One root for each vendor, and for AMD one for each product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RootSet {
    pub(crate) amd: Vec<(Product, Digest)>,
    pub(crate) intel: Vec<u8>,
    pub(crate) aws: Digest,
}

impl RootSet {
    fn contains(&self, root: &Digest) -> bool {
        self.amd.iter().any(|(_, amd)| amd == root)
            || *root == self.aws
            || *root == sha256(&[&self.intel])
    }
}
