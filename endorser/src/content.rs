//! An answer, read as the part that was asked for.

use synod_attestation::{Endorsements, IntelCollateral, SnpEndorsements};

use crate::{
    answer::{self, AnswerError, Signed, Stated},
    certificate::{Certificate, RevocationList, Validity},
    part::Part,
    pem,
    record::Record,
};

/// What a well-formed answer holds. Nothing in it is verified.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// TCB information or an identity, and the chain of who signed it.
    Signed {
        signed: Signed,
        stated: Stated,
        chain: String,
    },
    /// A revocation list; Intel's PCK lists come with a chain.
    List { der: Vec<u8>, chain: Option<String> },
    /// Certificates (DER), the one that was asked for or its issuer first.
    Certificates(Vec<Vec<u8>>),
}

impl Content {
    /// Reads an answer.
    pub(crate) fn read(part: &Part, record: &Record) -> Result<Self, AnswerError> {
        let chain = match part.chain_header() {
            None => None,
            Some(name) => {
                let header = record.header.as_deref().ok_or(AnswerError::NoChain(name))?;
                Some(answer::chain_of_header(header)?)
            }
        };
        match part {
            Part::TcbInfo { .. } => Self::signed(answer::tcb_info(&record.body)?, chain),
            Part::QeIdentity { .. } => Self::signed(answer::qe_identity(&record.body)?, chain),
            Part::PckCrl { .. } | Part::RootCrl | Part::AmdCrl { .. } => Ok(Self::List {
                der: answer::revocation_list(&record.body)?,
                chain,
            }),
            Part::Pck(_) => {
                let mut certificates = vec![answer::certificate(&record.body)?];
                let issuers = chain.unwrap_or_default();
                certificates.extend(answer::chain(issuers.as_bytes())?);
                Ok(Self::Certificates(certificates))
            }
            Part::Vcek(_) => Ok(Self::Certificates(vec![answer::certificate(&record.body)?])),
            Part::AmdChain { .. } => match answer::chain(&record.body)? {
                chain if chain.len() == 2 => Ok(Self::Certificates(chain)),
                other => Err(AnswerError::ChainLength(other.len())),
            },
        }
    }

    /// When it is valid, by its own account: for choosing and for refreshing.
    pub(crate) fn validity(&self) -> Validity {
        match self {
            Self::Signed { stated, .. } => stated.validity,
            Self::List { der, .. } => RevocationList::parse(der)
                .as_ref()
                .map_or(NEVER, RevocationList::validity),
            Self::Certificates(ders) => ders
                .iter()
                .map(|der| {
                    Certificate::parse(der)
                        .as_ref()
                        .map_or(NEVER, Certificate::validity)
                })
                .fold(ALWAYS, Validity::and),
        }
    }

    /// The certificates, if it is those.
    pub(crate) fn certificates(&self) -> &[Vec<u8>] {
        match self {
            Self::Certificates(certificates) => certificates,
            Self::Signed { .. } | Self::List { .. } => &[],
        }
    }

    fn signed(signed: Signed, chain: Option<String>) -> Result<Self, AnswerError> {
        Ok(Self::Signed {
            stated: answer::stated(&signed.text)?,
            signed,
            chain: chain.unwrap_or_default(),
        })
    }
}

const ALWAYS: Validity = Validity {
    from_ms: 0,
    until_ms: u64::MAX,
};
const NEVER: Validity = Validity {
    from_ms: u64::MAX,
    until_ms: 0,
};

/// Joins what PCS answered. The parts are those of `IntelPlatform::parts`, in
/// that order; `pck_chain` is for quotes that hold none.
pub(crate) fn intel(parts: &[&Content], pck_chain: Option<&[Vec<u8>]>) -> Option<Endorsements> {
    let [
        Content::Signed {
            signed: tcb_info,
            chain: tcb_info_issuer_chain,
            ..
        },
        Content::Signed {
            signed: qe_identity,
            chain: qe_identity_issuer_chain,
            ..
        },
        Content::List {
            der: pck_crl,
            chain: Some(pck_crl_issuer_chain),
        },
        Content::List {
            der: root_ca_crl, ..
        },
    ] = parts
    else {
        return None;
    };
    Some(Endorsements::Intel(Box::new(IntelCollateral {
        pck_crl_issuer_chain: pck_crl_issuer_chain.clone(),
        root_ca_crl: root_ca_crl.clone(),
        pck_crl: pck_crl.clone(),
        tcb_info_issuer_chain: tcb_info_issuer_chain.clone(),
        tcb_info: tcb_info.text.clone(),
        tcb_info_signature: tcb_info.signature.clone(),
        qe_identity_issuer_chain: qe_identity_issuer_chain.clone(),
        qe_identity: qe_identity.text.clone(),
        qe_identity_signature: qe_identity.signature.clone(),
        pck_certificate_chain: pck_chain.map(|chain| {
            let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
            pem::encode(&chain)
        }),
    })))
}

/// Joins what KDS answered.
pub(crate) fn amd(signer: &[u8], chain: &Content, list: Option<&Content>) -> Option<Endorsements> {
    let [intermediate, root] = chain.certificates() else {
        return None;
    };
    Some(Endorsements::Snp(SnpEndorsements {
        signer: signer.to_vec(),
        intermediate: intermediate.clone(),
        root: root.clone(),
        crl: match list {
            Some(Content::List { der, .. }) => Some(der.clone()),
            _ => None,
        },
    }))
}
