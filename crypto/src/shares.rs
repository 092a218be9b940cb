//! Verifiable secret sharing: Feldman's scheme over ristretto255 (RFC 9496).
//!
//! A random scalar is the constant term of a polynomial of degree
//! `threshold - 1`; share `i` is its value at `i`; the commitment holds the
//! coefficients times the base point. Fewer shares than the threshold say no
//! more about the scalar than the commitment does (its discrete logarithm is
//! asked for), and nobody uses the scalar itself: the key comes out of HKDF.
//!
//! Every share is checked against the commitment before it counts, so a bad
//! one is named and cannot spoil the result.

use std::collections::BTreeMap;

use curve25519_dalek::{
    ristretto::{CompressedRistretto, RistrettoPoint},
    scalar::Scalar,
    traits::Identity,
};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    digest::{Digest, sha256},
    entropy::Entropy,
    kdf::hkdf_sha256,
    secret::{Secret, equal},
};

/// The smallest threshold. With one, each share would be the secret.
pub const THRESHOLD_MIN: u8 = 2;

const POINT_LENGTH: usize = 32;
const COMMITMENT_LENGTH_MAX: usize = POINT_LENGTH * u8::MAX as usize;

/// Makes a fresh secret and `shares` shares of it, any `threshold` of which
/// give it back.
pub fn split(
    threshold: u8,
    shares: u8,
    entropy: &mut Entropy,
) -> Result<(SharedSecret, Commitment, Vec<Share>), SplitError> {
    if threshold < THRESHOLD_MIN || threshold > shares {
        return Err(SplitError { threshold, shares });
    }
    let coefficients = Zeroizing::new(
        (0..threshold)
            .map(|_| random_scalar(entropy))
            .collect::<Vec<_>>(),
    );
    let points = coefficients
        .iter()
        .map(|coefficient| RistrettoPoint::mul_base(coefficient).compress())
        .collect();
    let commitment = Commitment { points };
    let shares = (1..=shares)
        .map(|index| Share::of(&coefficients, index))
        .collect();
    let secret = SharedSecret {
        scalar: coefficients[0],
        commitment: commitment.digest(),
    };
    Ok((secret, commitment, shares))
}

/// Gives the secret back. Each share is checked first; the first `threshold`
/// of distinct indices are used.
pub fn combine(commitment: &Commitment, shares: &[Share]) -> Result<SharedSecret, CombineError> {
    let bad: Vec<u8> = shares
        .iter()
        .filter(|share| commitment.verify(share).is_err())
        .map(Share::index)
        .collect();
    if !bad.is_empty() {
        return Err(CombineError::BadShares { indices: bad });
    }
    let needed = commitment.threshold();
    let points: BTreeMap<u8, &Share> = shares.iter().map(|share| (share.index, share)).collect();
    if points.len() < usize::from(needed) {
        return Err(CombineError::TooFew {
            needed,
            found: points.len() as u8,
        });
    }
    let chosen: Vec<&Share> = points.into_values().take(needed.into()).collect();
    let secret = SharedSecret {
        scalar: interpolate_at_zero(&chosen),
        commitment: commitment.digest(),
    };
    assert_eq!(
        RistrettoPoint::mul_base(&secret.scalar).compress(),
        commitment.points[0],
        "checked shares give the committed secret"
    );
    Ok(secret)
}

/// What was shared.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SharedSecret {
    scalar: Scalar,
    #[zeroize(skip)]
    commitment: Digest,
}

impl SharedSecret {
    /// The key to wrap other secrets with. Differs for each commitment.
    pub fn wrap_key(&self) -> Secret<32> {
        let scalar = Zeroizing::new(self.scalar.to_bytes());
        hkdf_sha256(
            scalar.as_slice(),
            b"synod.shares.wrap",
            &[self.commitment.as_bytes()],
        )
    }
}

impl std::fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

/// One share: its holder alone may know the value.
#[derive(Debug, PartialEq, Eq)]
pub struct Share {
    index: u8,
    value: Secret<32>,
}

impl Share {
    /// The length of the encoding, in bytes.
    pub const LENGTH: usize = 33;

    fn of(coefficients: &[Scalar], index: u8) -> Self {
        let x = Scalar::from(index);
        let mut value = coefficients
            .iter()
            .rev()
            .fold(Scalar::ZERO, |sum, coefficient| sum * x + coefficient);
        let share = Self {
            index,
            value: Secret::new(value.to_bytes()),
        };
        value.zeroize();
        share
    }

    /// Which share this is, from 1.
    pub fn index(&self) -> u8 {
        self.index
    }

    /// `index || value`, little-endian as RFC 9496 has it.
    pub fn to_bytes(&self) -> Secret<{ Self::LENGTH }> {
        let mut bytes = [0; Self::LENGTH];
        bytes[0] = self.index;
        bytes[1..].copy_from_slice(self.value.expose());
        let secret = Secret::new(bytes);
        bytes.zeroize();
        secret
    }

    /// Reads [`Self::to_bytes`] back.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (&index, value) = bytes.split_first().ok_or(DecodeError)?;
        let value: [u8; 32] = value.try_into().map_err(|_| DecodeError)?;
        let canonical: Option<Scalar> = Scalar::from_canonical_bytes(value).into();
        if index == 0 || canonical.is_none() {
            return Err(DecodeError);
        }
        let value = Secret::new(value);
        Ok(Self { index, value })
    }

    fn scalar(&self) -> Scalar {
        Scalar::from_bytes_mod_order(*self.value.expose())
    }
}

/// What the dealer is held to. Public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    /// Never fewer than [`THRESHOLD_MIN`]; each decompresses.
    points: Vec<CompressedRistretto>,
}

impl Commitment {
    /// How many shares give the secret back.
    pub fn threshold(&self) -> u8 {
        self.points.len() as u8
    }

    /// The points, one after the other, 32 bytes each.
    pub fn encode(&self) -> Vec<u8> {
        self.points
            .iter()
            .flat_map(CompressedRistretto::to_bytes)
            .collect()
    }

    /// Reads [`Self::encode`] back. Every point is checked.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > COMMITMENT_LENGTH_MAX || !bytes.len().is_multiple_of(POINT_LENGTH) {
            return Err(DecodeError);
        }
        let points = bytes
            .chunks_exact(POINT_LENGTH)
            .map(checked_point)
            .collect::<Result<Vec<_>, _>>()?;
        if points.len() < usize::from(THRESHOLD_MIN) {
            return Err(DecodeError);
        }
        Ok(Self { points })
    }

    /// SHA-256 of the encoding.
    pub fn digest(&self) -> Digest {
        sha256(&[&self.encode()])
    }

    /// Accepts exactly the share that belongs to this commitment.
    pub fn verify(&self, share: &Share) -> Result<(), BadShare> {
        let bad = BadShare { index: share.index };
        if share.index == 0 {
            return Err(bad);
        }
        let x = Scalar::from(share.index);
        let mut expected = RistrettoPoint::identity();
        for point in self.points.iter().rev() {
            let point = point.decompress().expect("points were checked on entry");
            expected = expected * x + point;
        }
        let found = RistrettoPoint::mul_base(&share.scalar()).compress();
        if equal(found.as_bytes(), expected.compress().as_bytes()) {
            Ok(())
        } else {
            Err(bad)
        }
    }
}

/// No sharing of `threshold` out of `shares`. The caller is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot split into {shares} shares with threshold {threshold}: the threshold must be from 2 to the number of shares"
)]
pub struct SplitError {
    /// The threshold that was asked for.
    pub threshold: u8,
    /// The number of shares that was asked for.
    pub shares: u8,
}

/// The bytes are not a share or commitment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed share or commitment")]
pub struct DecodeError;

/// The share does not belong to the commitment: its holder, or the dealer, is
/// at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("share {index} does not belong to the commitment")]
pub struct BadShare {
    /// The index that the share names.
    pub index: u8,
}

/// Why shares do not give the secret back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CombineError {
    /// Shares that do not belong to the commitment.
    #[error("shares {indices:?} do not belong to the commitment")]
    BadShares {
        /// Their indices, in the order given.
        indices: Vec<u8>,
    },
    /// Good shares, but not enough different ones.
    #[error("{found} shares, but {needed} are needed")]
    TooFew {
        /// The threshold.
        needed: u8,
        /// How many different ones there are.
        found: u8,
    },
}

fn random_scalar(entropy: &mut Entropy) -> Scalar {
    let mut wide = entropy.take::<64>();
    let scalar = Scalar::from_bytes_mod_order_wide(&wide);
    wide.zeroize();
    scalar
}

fn checked_point(bytes: &[u8]) -> Result<CompressedRistretto, DecodeError> {
    let point = CompressedRistretto::from_slice(bytes).map_err(|_| DecodeError)?;
    point.decompress().map(|_| point).ok_or(DecodeError)
}

/// Lagrange interpolation. The indices are distinct and not zero.
fn interpolate_at_zero(shares: &[&Share]) -> Scalar {
    let mut sum = Scalar::ZERO;
    for share in shares {
        let x = Scalar::from(share.index);
        let mut basis = Scalar::ONE;
        for other in shares.iter().filter(|other| other.index != share.index) {
            let other_x = Scalar::from(other.index);
            basis *= other_x * (other_x - x).invert();
        }
        sum += share.scalar() * basis;
    }
    sum
}
