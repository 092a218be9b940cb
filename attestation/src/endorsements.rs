//! Endorsements: what a vendor says about the platform that made evidence.
//!
//! They come from the untrusted host, so they are bounded here and believed
//! only after verification up to a root.

use minicbor::{Decoder, Encoder};
use serde::Deserialize;

use crate::{evidence::Evidence, tee::Tee};

/// The vendor's statements that evidence of one TEE is verified with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endorsements {
    /// For AMD SEV-SNP.
    Snp(SnpEndorsements),
    /// For Intel SGX and TDX.
    Intel(Box<IntelCollateral>),
    /// For AWS Nitro: none, the document holds its own chain.
    Nitro,
    /// For composite evidence.
    Composite(Box<CompositeEndorsements>),
}

/// The endorsements of composite evidence. None of them is composite itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompositeEndorsements {
    lead: Endorsements,
    parts: Vec<Endorsements>,
}

/// The certificates (DER) of an AMD platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnpEndorsements {
    /// VCEK or VLEK: the certificate of the key that signs reports.
    pub signer: Vec<u8>,
    /// ASK, or ASVK for a VLEK: the signer's issuer.
    pub intermediate: Vec<u8>,
    /// ARK: the product's root.
    pub root: Vec<u8>,
    /// The revocation list of the root, if one is available.
    pub crl: Option<Vec<u8>>,
}

/// Intel's collateral for one platform, in the shape of PCS v4.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct IntelCollateral {
    /// Issuer chain of the PCK revocation list (PEM).
    pub pck_crl_issuer_chain: String,
    /// Revocation list of the root (DER).
    #[serde(with = "hex::serde")]
    pub root_ca_crl: Vec<u8>,
    /// Revocation list of the PCK issuer (DER).
    #[serde(with = "hex::serde")]
    pub pck_crl: Vec<u8>,
    /// Issuer chain of the TCB information (PEM).
    pub tcb_info_issuer_chain: String,
    /// TCB information: the exact JSON text that was signed.
    pub tcb_info: String,
    /// Signature over `tcb_info` (r ‖ s).
    #[serde(with = "hex::serde")]
    pub tcb_info_signature: Vec<u8>,
    /// Issuer chain of the quoting enclave's identity (PEM).
    pub qe_identity_issuer_chain: String,
    /// Identity of the quoting enclave: the exact JSON text that was signed.
    pub qe_identity: String,
    /// Signature over `qe_identity` (r ‖ s).
    #[serde(with = "hex::serde")]
    pub qe_identity_signature: Vec<u8>,
    /// The PCK chain (PEM), where the quote does not hold it.
    #[serde(default)]
    pub pck_certificate_chain: Option<String>,
}

/// The bytes are not endorsements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndorsementsError {
    /// There are more than [`Endorsements::BYTES_MAX`] bytes.
    #[error("endorsements are {0} bytes, longer than the {max} allowed", max = Endorsements::BYTES_MAX)]
    TooLong(usize),
    /// The bytes are not of the expected shape, or not deterministic CBOR.
    #[error("endorsements are malformed")]
    Malformed,
    /// Composite endorsements within others, or more than eight parts.
    #[error("endorsements are nested or have too many parts")]
    Composite,
    /// The endorsements are for a TEE that this program does not know.
    #[error("endorsements are for an unknown TEE type")]
    UnknownKind,
}

impl From<minicbor::decode::Error> for EndorsementsError {
    fn from(_: minicbor::decode::Error) -> Self {
        Self::Malformed
    }
}

type Encoded = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

impl Endorsements {
    /// Longest accepted encoding, in bytes.
    pub const BYTES_MAX: usize = 512 * 1024;

    /// Whether evidence of `tee` is verified with endorsements of this kind.
    pub fn fits(&self, tee: Tee) -> bool {
        match self {
            Self::Snp(_) => tee == Tee::SevSnp,
            Self::Intel(_) => matches!(tee, Tee::Tdx | Tee::Sgx),
            Self::Nitro => tee == Tee::Nitro,
            Self::Composite(composite) => composite.lead.fits(tee),
        }
    }

    /// The vendor who made these: `amd`, `intel` or `aws`.
    pub fn vendor(&self) -> &'static str {
        match self {
            Self::Snp(_) => Tee::SevSnp.vendor(),
            Self::Intel(_) => Tee::Tdx.vendor(),
            Self::Nitro => Tee::Nitro.vendor(),
            Self::Composite(composite) => composite.lead.vendor(),
        }
    }

    /// Reads Intel collateral from JSON: the fields of [`IntelCollateral`], binary
    /// ones in hexadecimal.
    pub fn intel_from_json(json: &str) -> Result<Self, EndorsementsError> {
        if json.len() > Self::BYTES_MAX {
            return Err(EndorsementsError::TooLong(json.len()));
        }
        serde_json::from_str(json)
            .map(|collateral| Self::Intel(Box::new(collateral)))
            .map_err(|_| EndorsementsError::Malformed)
    }

    /// Joins the endorsements of a lead with those of its parts, in the order
    /// of the parts.
    ///
    /// # Errors
    /// When one of them is composite itself, or there are too many.
    pub fn composite(lead: Self, parts: Vec<Self>) -> Result<Self, EndorsementsError> {
        let nested = |one: &Self| matches!(one, Self::Composite(_));
        if nested(&lead) || parts.iter().any(nested) || parts.len() > Evidence::PARTS_MAX {
            return Err(EndorsementsError::Composite);
        }
        Ok(Self::Composite(Box::new(CompositeEndorsements {
            lead,
            parts,
        })))
    }

    /// The endorsements of the lead.
    pub fn lead(&self) -> &Self {
        match self {
            Self::Composite(composite) => &composite.lead,
            other => other,
        }
    }

    /// The endorsements of the parts, in the order of the parts.
    pub fn parts(&self) -> &[Self] {
        match self {
            Self::Composite(composite) => &composite.parts,
            _ => &[],
        }
    }

    /// The encoding: `spec/attestation.cddl`, `endorsements`.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::new());
        self.write(&mut encoder)
            .expect("writing to a vector cannot fail");
        encoder.into_writer()
    }

    fn write(&self, encoder: &mut Encoder<Vec<u8>>) -> Encoded {
        match self {
            Self::Snp(snp) => write_snp(encoder, snp),
            Self::Intel(intel) => write_intel(encoder, intel),
            Self::Nitro => encoder.array(1)?.u8(Tee::Nitro.number())?.ok(),
            Self::Composite(composite) => {
                encoder.array(3)?.u8(COMPOSITE)?;
                composite.lead.write(encoder)?;
                encoder.array(composite.parts.len() as u64)?;
                let mut parts = composite.parts.iter();
                parts.try_for_each(|part| part.write(encoder))
            }
        }
    }

    /// Decodes the deterministic encoding, and nothing else.
    pub fn decode(bytes: &[u8]) -> Result<Self, EndorsementsError> {
        if bytes.len() > Self::BYTES_MAX {
            return Err(EndorsementsError::TooLong(bytes.len()));
        }
        let endorsements = Self::read(&mut Decoder::new(bytes), true)?;
        if endorsements.encode() != bytes {
            return Err(EndorsementsError::Malformed);
        }
        Ok(endorsements)
    }

    /// Reads endorsements, of which only the outermost may be composite.
    fn read(decoder: &mut Decoder<'_>, outermost: bool) -> Result<Self, EndorsementsError> {
        let fields = decoder.array()?.ok_or(EndorsementsError::Malformed)?;
        let kind = decoder.u8()?;
        if (kind, fields) == (COMPOSITE, 3) {
            if !outermost {
                return Err(EndorsementsError::Composite);
            }
            return Self::read_composite(decoder);
        }
        let tee = Tee::from_number(kind).ok_or(EndorsementsError::UnknownKind)?;
        match (tee, fields) {
            (Tee::SevSnp, 5) => Ok(Self::Snp(read_snp(decoder)?)),
            (Tee::Tdx, 11) => Ok(Self::Intel(Box::new(read_intel(decoder)?))),
            (Tee::Nitro, 1) => Ok(Self::Nitro),
            _ => Err(EndorsementsError::Malformed),
        }
    }

    fn read_composite(decoder: &mut Decoder<'_>) -> Result<Self, EndorsementsError> {
        let lead = Self::read(decoder, false)?;
        let count = decoder.array()?.ok_or(EndorsementsError::Malformed)?;
        if count > Evidence::PARTS_MAX as u64 {
            return Err(EndorsementsError::Composite);
        }
        let parts: Result<Vec<_>, _> = (0..count).map(|_| Self::read(decoder, false)).collect();
        Self::composite(lead, parts?)
    }
}

/// Stands in place of a TEE's number, which is never zero.
const COMPOSITE: u8 = 0;

fn write_snp(encoder: &mut Encoder<Vec<u8>>, snp: &SnpEndorsements) -> Encoded {
    encoder
        .array(5)?
        .u8(Tee::SevSnp.number())?
        .bytes(&snp.signer)?
        .bytes(&snp.intermediate)?
        .bytes(&snp.root)?;
    match &snp.crl {
        Some(crl) => encoder.bytes(crl)?,
        None => encoder.null()?,
    };
    Ok(())
}

fn read_snp(decoder: &mut Decoder<'_>) -> Result<SnpEndorsements, EndorsementsError> {
    Ok(SnpEndorsements {
        signer: decoder.bytes()?.to_vec(),
        intermediate: decoder.bytes()?.to_vec(),
        root: decoder.bytes()?.to_vec(),
        crl: nullable(decoder, |d| d.bytes().map(<[u8]>::to_vec))?,
    })
}

fn write_intel(encoder: &mut Encoder<Vec<u8>>, intel: &IntelCollateral) -> Encoded {
    encoder
        .array(11)?
        .u8(Tee::Tdx.number())?
        .str(&intel.pck_crl_issuer_chain)?
        .bytes(&intel.root_ca_crl)?
        .bytes(&intel.pck_crl)?
        .str(&intel.tcb_info_issuer_chain)?
        .str(&intel.tcb_info)?
        .bytes(&intel.tcb_info_signature)?
        .str(&intel.qe_identity_issuer_chain)?
        .str(&intel.qe_identity)?
        .bytes(&intel.qe_identity_signature)?;
    match &intel.pck_certificate_chain {
        Some(chain) => encoder.str(chain)?,
        None => encoder.null()?,
    };
    Ok(())
}

fn read_intel(decoder: &mut Decoder<'_>) -> Result<IntelCollateral, EndorsementsError> {
    Ok(IntelCollateral {
        pck_crl_issuer_chain: decoder.str()?.to_owned(),
        root_ca_crl: decoder.bytes()?.to_vec(),
        pck_crl: decoder.bytes()?.to_vec(),
        tcb_info_issuer_chain: decoder.str()?.to_owned(),
        tcb_info: decoder.str()?.to_owned(),
        tcb_info_signature: decoder.bytes()?.to_vec(),
        qe_identity_issuer_chain: decoder.str()?.to_owned(),
        qe_identity: decoder.str()?.to_owned(),
        qe_identity_signature: decoder.bytes()?.to_vec(),
        pck_certificate_chain: nullable(decoder, |d| d.str().map(str::to_owned))?,
    })
}

fn nullable<T>(
    decoder: &mut Decoder<'_>,
    read: impl FnOnce(&mut Decoder<'_>) -> Result<T, minicbor::decode::Error>,
) -> Result<Option<T>, EndorsementsError> {
    if decoder.datatype()? == minicbor::data::Type::Null {
        decoder.null()?;
        return Ok(None);
    }
    Ok(Some(read(decoder)?))
}
