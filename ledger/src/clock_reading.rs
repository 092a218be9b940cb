//! The ledger's clock.
//!
//! A block's time is the lower median, over the voters of the configuration that
//! its header names, of their signed clock readings; a voter without one counts
//! as the previous block's time; and time never goes back.
//!
//! Rules for the readings in a header, each checked by everybody:
//! - sorted by replica, at most one each, each of a voter of that configuration;
//! - later than the previous block's time: an earlier one has no more effect than
//!   a missing one, so a leader leaves it out and a checker refuses it;
//! - signed by the voter over network, replica, time and the hash of the voter's
//!   newest block, which must be among the [`WINDOW`] blocks that precede the
//!   block at hand. So a reading cannot be kept for long, and one that was taken
//!   on another branch of the history counts on that branch only.

use minicbor::{Decode, Encode};
use synod_crypto::{BadSignature, Digest, PublicKey, Signature, SigningKey};

use crate::canonical;

/// How many blocks back a reading's newest block may lie.
pub const WINDOW: usize = 64;

/// One voter's reading of its clock. It is only the voter's claim, and is not trusted alone.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ClockReading {
    /// The voter's id.
    #[n(0)]
    pub replica: u64,
    /// Unix time in milliseconds.
    #[n(1)]
    pub time_ms: u64,
    /// Hash of the voter's newest block when it read the clock.
    #[n(2)]
    pub newest: Digest,
    /// Over [`clock_reading_message`] under the voter's identity key.
    #[n(3)]
    pub signature: Signature,
}

impl ClockReading {
    /// Makes and signs a reading.
    pub fn sign(
        key: &SigningKey,
        network: &Digest,
        replica: u64,
        time_ms: u64,
        newest: Digest,
    ) -> Self {
        let signature = key.sign(&clock_reading_message(network, replica, time_ms, &newest));
        Self {
            replica,
            time_ms,
            newest,
            signature,
        }
    }

    /// Checks the signature alone; place, order and novelty depend on the block.
    pub fn verify(
        self,
        network: &Digest,
        key: &PublicKey,
    ) -> Result<VerifiedClockReading, BadSignature> {
        let message = clock_reading_message(network, self.replica, self.time_ms, &self.newest);
        key.verify(&message, &self.signature)?;
        Ok(VerifiedClockReading {
            reading: self,
            key: *key,
        })
    }
}

/// A reading whose signature was checked under `key`. Made only by [`ClockReading::verify`],
/// so a leader checks each reading once, however many blocks it may enter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedClockReading {
    reading: ClockReading,
    key: PublicKey,
}

impl VerifiedClockReading {
    /// The reading itself.
    pub fn reading(&self) -> &ClockReading {
        &self.reading
    }

    /// The key under which it was checked.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }
}

/// The bytes a voter signs: CBOR `["synod.reading.v1", network, replica, time, newest]`.
pub fn clock_reading_message(
    network: &Digest,
    replica: u64,
    time_ms: u64,
    newest: &Digest,
) -> Vec<u8> {
    canonical::encode(&("synod.reading.v1", network, replica, time_ms, newest))
}

/// The time of a block: the lower median of `voters` values, of which those in
/// `readings` were given and the others are `previous_ms`; never below `previous_ms`.
pub(crate) fn ledger_time(previous_ms: u64, voters: usize, readings: &[ClockReading]) -> u64 {
    let silent = voters.saturating_sub(readings.len());
    let mut times: Vec<u64> = readings.iter().map(|r| r.time_ms).collect();
    times.extend(std::iter::repeat_n(previous_ms, silent));
    times.sort_unstable();
    let median = times
        .len()
        .checked_sub(1)
        .map_or(previous_ms, |last| times[last / 2]);
    median.max(previous_ms)
}
