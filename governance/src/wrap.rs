//! The ledger secret, wrapped under a key that is shared among the members.
//!
//! A fresh key is split (Feldman), each share is sealed to its member (HPKE),
//! the secret is wrapped under the key (AES-256-GCM), and all of it is public.
//! Fewer members than the threshold learn nothing; each member can check the
//! own share without the others.
//!
//! A key wraps one secret only: to wrap anew is to share anew.

use minicbor::{Decode, Encode};
use synod_crypto::shares::{
    self, BadShare, CombineError, Commitment, Share, SharedSecret, SplitError,
};
use synod_crypto::{
    Digest, Entropy, HpkePublicKey, HpkeSecretKey, PublicKey, SealKey, Secret, UnsoundKey,
};

use crate::codec::{self, Malformed};
use crate::entries::MemberEntry;

const SHARE_INFO: &[u8] = b"synod.share.v1";
const SECRET_LABEL: &[u8] = b"synod.ledger-secret.v1";
const WRAPPED_BYTES_MAX: usize = 64 * 1024;
const SECRET_LENGTH: usize = 32;
/// Each wrapping key seals once, so one nonce is enough.
const NONCE: [u8; 12] = [0; 12];

/// One member's share, readable by that member alone.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SealedShare {
    /// The digest of the member's signing key.
    #[n(0)]
    pub member: Digest,
    /// `enc || ciphertext || tag` of HPKE to the member's share key.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub sealed: Vec<u8>,
}

/// A ledger secret that the members can recover together.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct WrappedSecret {
    /// Which ledger secret this is: 0 at genesis, rising with each rekey.
    #[n(0)]
    pub generation: u64,
    /// What every share can be checked against.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub commitment: Vec<u8>,
    /// One share for each member; share `i` (from 1) is the `i`th.
    #[n(2)]
    pub shares: Vec<SealedShare>,
    /// Ciphertext and tag of the ledger secret.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub wrapped: Vec<u8>,
}

/// The secret cannot be wrapped for these members, or what was wrapped is not
/// of the form that the manifest asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrapError {
    /// No such threshold among so many members.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// A member's share key is of small order.
    #[error("share key of member `{member}` is not a valid public key")]
    UnsoundKey {
        /// The member's name.
        member: String,
    },
    /// The commitment does not decode.
    #[error("commitment is malformed")]
    Commitment,
    /// The commitment is for another threshold.
    #[error("shares have threshold {found}, expected {expected} (from the manifest)")]
    Threshold {
        /// The manifest's.
        expected: u8,
        /// The commitment's.
        found: u8,
    },
    /// Not one share for each member in the manifest's order.
    #[error("there is not exactly one share for each member")]
    Members,
    /// A sealed share or the wrapped secret has a wrong length.
    #[error("a sealed share or the wrapped secret has the wrong length")]
    Length,
    /// The generation is not the next one.
    #[error("secret has generation {found}, expected {expected}")]
    Generation {
        /// The expected generation.
        expected: u64,
        /// The value found.
        found: u64,
    },
}

/// A share, or the secret, does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// No share is for this key.
    #[error("there is no share for this member")]
    NotAMember,
    /// The share was not sealed to this key for this network. The founder that
    /// sealed it, or the key, is at fault.
    #[error("the share cannot be decrypted with this key")]
    NotSealedToYou,
    /// The share does not belong to the commitment. The founder is at fault:
    /// do not open the service.
    #[error(transparent)]
    Bad(#[from] BadShare),
    /// The share opens, and is not a share, or another member's.
    #[error("the decrypted bytes are not this member's share")]
    NotYourShare,
    /// The commitment does not decode.
    #[error("commitment is malformed")]
    Commitment,
    /// The shares do not give the key.
    #[error(transparent)]
    Combine(#[from] CombineError),
    /// The key from the shares does not open the secret: it was wrapped for
    /// another manifest or generation.
    #[error("the shares do not decrypt the ledger secret")]
    NotWrappedByThem,
}

impl WrappedSecret {
    /// Wraps `secret` for `members`. `manifest` is the manifest's digest: the
    /// result opens for no other network.
    pub fn wrap(
        secret: &Secret<32>,
        generation: u64,
        members: &[MemberEntry],
        threshold: u8,
        manifest: &Digest,
        entropy: &mut Entropy,
    ) -> Result<Self, WrapError> {
        let count = u8::try_from(members.len()).unwrap_or(u8::MAX);
        let (shared, commitment, shares) = shares::split(threshold, count, entropy)?;
        let place = Place {
            manifest,
            generation,
            commitment: &commitment,
        };
        let shares = members
            .iter()
            .zip(&shares)
            .map(|(member, share)| seal_share(&place, member, share, entropy))
            .collect::<Result<Vec<_>, _>>()?;
        let mut wrapped = secret.expose().to_vec();
        SealKey::new(&shared.wrap_key()).seal(NONCE, &place.aad(SECRET_LABEL), &mut wrapped);
        Ok(Self {
            generation,
            commitment: commitment.encode(),
            shares,
            wrapped,
        })
    }

    /// Wraps the next secret (or the same, for other members) under a fresh key
    /// and the next generation.
    pub fn rewrap(
        &self,
        secret: &Secret<32>,
        members: &[MemberEntry],
        threshold: u8,
        manifest: &Digest,
        entropy: &mut Entropy,
    ) -> Result<Self, WrapError> {
        Self::wrap(
            secret,
            self.generation + 1,
            members,
            threshold,
            manifest,
            entropy,
        )
    }

    /// Checks all that can be checked without a key: generation, threshold, and
    /// one share for each member in order.
    pub fn check(
        &self,
        generation: u64,
        members: &[MemberEntry],
        threshold: u8,
    ) -> Result<(), WrapError> {
        if self.generation != generation {
            let found = self.generation;
            return Err(WrapError::Generation {
                expected: generation,
                found,
            });
        }
        let commitment = Commitment::decode(&self.commitment).map_err(|_| WrapError::Commitment)?;
        if commitment.threshold() != threshold {
            let found = commitment.threshold();
            return Err(WrapError::Threshold {
                expected: threshold,
                found,
            });
        }
        let holders = self.shares.iter().map(|share| share.member);
        if !holders.eq(members.iter().map(|member| member.key.digest())) {
            return Err(WrapError::Members);
        }
        let share_length = Share::LENGTH + synod_crypto::SEALED_OVERHEAD;
        let secret_length = SECRET_LENGTH + synod_crypto::TAG_LENGTH;
        let lengths_fit = self
            .shares
            .iter()
            .all(|share| share.sealed.len() == share_length);
        if !lengths_fit || self.wrapped.len() != secret_length {
            return Err(WrapError::Length);
        }
        Ok(())
    }

    /// Opens a member's own share and checks it against the commitment.
    pub fn open_share(
        &self,
        member: &PublicKey,
        key: &HpkeSecretKey,
        manifest: &Digest,
    ) -> Result<Share, ShareError> {
        let commitment = self.commitment()?;
        let kid = member.digest();
        let at = self.shares.iter().position(|share| share.member == kid);
        let at = at.ok_or(ShareError::NotAMember)?;
        let aad = self.place(manifest, &commitment).aad(kid.as_bytes());
        let opened = key
            .open(SHARE_INFO, &aad, &self.shares[at].sealed)
            .map_err(|_| ShareError::NotSealedToYou)?;
        let share = Share::from_bytes(&opened).map_err(|_| ShareError::NotYourShare)?;
        if usize::from(share.index()) != at + 1 {
            return Err(ShareError::NotYourShare);
        }
        commitment.verify(&share)?;
        Ok(share)
    }

    /// The ledger secret, from enough members' shares.
    pub fn unwrap(&self, shares: &[Share], manifest: &Digest) -> Result<Secret<32>, ShareError> {
        let commitment = self.commitment()?;
        let shared: SharedSecret = shares::combine(&commitment, shares)?;
        let aad = self.place(manifest, &commitment).aad(SECRET_LABEL);
        let mut opened = zeroize::Zeroizing::new(self.wrapped.clone());
        SealKey::new(&shared.wrap_key())
            .open(NONCE, &aad, &mut opened)
            .map_err(|_| ShareError::NotWrappedByThem)?;
        let secret = opened
            .as_slice()
            .try_into()
            .map_err(|_| ShareError::NotWrappedByThem)?;
        Ok(Secret::new(secret))
    }

    /// The encoding.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads what [`WrappedSecret::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        codec::decode(bytes, WRAPPED_BYTES_MAX)
    }

    fn commitment(&self) -> Result<Commitment, ShareError> {
        Commitment::decode(&self.commitment).map_err(|_| ShareError::Commitment)
    }

    fn place<'a>(&self, manifest: &'a Digest, commitment: &'a Commitment) -> Place<'a> {
        Place {
            manifest,
            generation: self.generation,
            commitment,
        }
    }
}

/// What a ciphertext belongs to; bound as associated data.
struct Place<'a> {
    manifest: &'a Digest,
    generation: u64,
    commitment: &'a Commitment,
}

impl Place<'_> {
    /// Fixed lengths but for `what`, which comes last.
    fn aad(&self, what: &[u8]) -> Vec<u8> {
        let mut aad = self.manifest.as_bytes().to_vec();
        aad.extend_from_slice(&self.generation.to_be_bytes());
        aad.extend_from_slice(self.commitment.digest().as_bytes());
        aad.extend_from_slice(what);
        aad
    }
}

fn seal_share(
    place: &Place<'_>,
    member: &MemberEntry,
    share: &Share,
    entropy: &mut Entropy,
) -> Result<SealedShare, WrapError> {
    let kid = member.key.digest();
    let key: &HpkePublicKey = &member.share_key;
    let sealed = key
        .seal(
            SHARE_INFO,
            &place.aad(kid.as_bytes()),
            share.to_bytes().expose(),
            entropy,
        )
        .map_err(|UnsoundKey| WrapError::UnsoundKey {
            member: member.name.clone(),
        })?;
    Ok(SealedShare {
        member: kid,
        sealed,
    })
}
