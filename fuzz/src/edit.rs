//! Edits of evidence and endorsements, read from a fuzzer's bytes.
//!
//! An input is: which evidence, which endorsements, how far the clock is off
//! (signed, in minutes), and then edits of the form target, offset, operation,
//! length, bytes.

use synod_attestation::{Endorsements, Evidence};

use crate::platforms::{NOW_MS, Platform};

const MINUTE_MS: i64 = 60_000;
/// More edits do not tell more.
const EDITS_MAX: usize = 8;

/// What is to be verified.
pub struct Edited {
    /// Whose evidence it was.
    pub platform: usize,
    /// The evidence.
    pub evidence: Evidence,
    /// The endorsements.
    pub endorsements: Endorsements,
    /// The time (Unix milliseconds).
    pub now_ms: u64,
}

/// Takes evidence and endorsements of `platforms` and edits them as `input`
/// says. `None` if what comes out is no evidence or no endorsements.
pub fn edited(platforms: &[Platform], input: &[u8]) -> Option<Edited> {
    let mut input = Input(input);
    let platform = usize::from(input.byte()?) % platforms.len();
    let donor = usize::from(input.byte()?) % platforms.len();
    let late = i64::from(i32::from_le_bytes(input.chunk()?)) * MINUTE_MS;
    let from = [&platforms[platform], &platforms[donor]];
    let mut fields = fields(&from[0].evidence, &from[1].endorsements);
    for _ in 0..EDITS_MAX {
        if input.edit(&mut fields, from).is_none() {
            break;
        }
    }
    let mut fields = fields.into_iter();
    Some(Edited {
        platform,
        evidence: Evidence::new(from[0].evidence.tee(), fields.next()?).ok()?,
        endorsements: rebuilt(&from[1].endorsements, fields)?,
        now_ms: NOW_MS.checked_add_signed(late)?,
    })
}

/// The evidence, and each byte string of the endorsements.
fn fields(evidence: &Evidence, endorsements: &Endorsements) -> Vec<Vec<u8>> {
    let mut fields = vec![evidence.bytes().to_vec()];
    match endorsements {
        Endorsements::Snp(snp) => {
            fields.extend([&snp.signer, &snp.intermediate, &snp.root].map(Vec::clone));
            fields.extend(snp.crl.clone());
        }
        Endorsements::Intel(intel) => fields.extend([
            intel.pck_crl_issuer_chain.clone().into_bytes(),
            intel.root_ca_crl.clone(),
            intel.pck_crl.clone(),
            intel.tcb_info_issuer_chain.clone().into_bytes(),
            intel.tcb_info.clone().into_bytes(),
            intel.tcb_info_signature.clone(),
            intel.qe_identity_issuer_chain.clone().into_bytes(),
            intel.qe_identity.clone().into_bytes(),
            intel.qe_identity_signature.clone(),
        ]),
        Endorsements::Nitro | Endorsements::Composite(_) => {}
    }
    fields
}

/// Endorsements of the same kind as `like`. An empty list of SEV-SNP is none.
fn rebuilt(like: &Endorsements, mut fields: impl Iterator<Item = Vec<u8>>) -> Option<Endorsements> {
    let mut rebuilt = like.clone();
    match &mut rebuilt {
        Endorsements::Snp(snp) => {
            snp.signer = fields.next()?;
            snp.intermediate = fields.next()?;
            snp.root = fields.next()?;
            snp.crl = fields.next().filter(|list| !list.is_empty());
        }
        Endorsements::Intel(intel) => {
            intel.pck_crl_issuer_chain = text(fields.next()?)?;
            intel.root_ca_crl = fields.next()?;
            intel.pck_crl = fields.next()?;
            intel.tcb_info_issuer_chain = text(fields.next()?)?;
            intel.tcb_info = text(fields.next()?)?;
            intel.tcb_info_signature = fields.next()?;
            intel.qe_identity_issuer_chain = text(fields.next()?)?;
            intel.qe_identity = text(fields.next()?)?;
            intel.qe_identity_signature = fields.next()?;
        }
        Endorsements::Nitro | Endorsements::Composite(_) => {}
    }
    Some(rebuilt)
}

fn text(bytes: Vec<u8>) -> Option<String> {
    String::from_utf8(bytes).ok()
}

/// What is left of the fuzzer's bytes.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> Option<u8> {
        self.chunk::<1>().map(|[byte]| byte)
    }

    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*chunk)
    }

    /// Up to `length` bytes.
    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let (bytes, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        bytes.to_vec()
    }

    /// One edit; `None` when there is none left.
    fn edit(&mut self, fields: &mut [Vec<u8>], from: [&Platform; 2]) -> Option<()> {
        let which = usize::from(self.byte()?) % fields.len();
        let offset = usize::from(u16::from_le_bytes(self.chunk()?));
        let [operation, length] = self.chunk()?;
        let (length, field) = (usize::from(length), &mut fields[which]);
        let at = offset % (field.len() + 1);
        let end = (at + length).min(field.len());
        match operation % 7 {
            0 => {
                let bytes = self.bytes(length);
                field.splice(at..(at + bytes.len()).min(field.len()), bytes);
            }
            1 => {
                let bytes = self.bytes(length);
                field.splice(at..at, bytes);
            }
            2 => drop(field.drain(at..end)),
            3 => field.truncate(at),
            4 => field[at..end]
                .iter_mut()
                .for_each(|byte| *byte ^= self.byte().unwrap_or(1)),
            5 => {
                // The same place of the endorsements' own platform.
                let donor = self::fields(&from[1].evidence, &from[1].endorsements);
                let donor = donor.get(which)?;
                let end = end.min(donor.len());
                field.splice(at.min(end)..end, donor[at.min(end)..end].to_vec());
            }
            _ => {
                let copied = field[at..end].to_vec();
                field.extend(copied);
            }
        }
        Some(())
    }
}
