//! Sealing: how private writes and replies are stored on the ledger.
//!
//! - AES-256-GCM. Key = HKDF-SHA256(ledger secret; network id, generation,
//!   replica id, view, purpose): every leader of every view has keys of its own.
//! - Nonce = four zero bytes and a counter, which stands in the frame. A
//!   [`Sealer`] counts on whatever becomes of the block: dropped or retracted
//!   proposals never rewind it. It is not `Clone`; one exists for each
//!   (replica, view, purpose), and replica ids are never used twice.
//! - The associated data bind format, network, generation, replica, view, seqno
//!   and the hash of the previous block: a frame opens nowhere else.

use std::collections::BTreeMap;

use synod_crypto::{Digest, SealKey, Secret, hkdf_sha256};

use crate::canonical::{self, Malformed, head_len};

/// The format of a sealed part.
pub const SEALED_FORMAT: u16 = 1;
/// The longest sealed part in bytes.
pub const SEALED_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How many keys of past leaders an [`Opener`] keeps.
const KEYS_MAX: usize = 64;

/// The secret under which a generation of the ledger is sealed.
#[derive(Debug)]
pub struct LedgerSecret {
    /// Counted from 1; raised by rekeying and by recovery.
    pub generation: u64,
    /// The secret itself.
    pub secret: Secret<32>,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The sealed part of a transaction's frame.
    Transaction,
}

impl Purpose {
    fn label(self) -> &'static str {
        match self {
            Self::Transaction => "transaction",
        }
    }
}

/// Where a sealed part stands, and who sealed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The network id.
    pub network: Digest,
    /// The leader that sealed: the header's proposer.
    pub replica: u64,
    /// The block's view.
    pub view: u64,
    /// The transaction's seqno.
    pub seqno: u64,
    /// Hash of the block before.
    pub previous: Digest,
}

/// Why a sealed part does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The frame's sealed part is not well-formed. The leader's fault.
    #[error("the sealed part is malformed: {0}")]
    Malformed(#[from] Malformed),
    /// The format is not known.
    #[error("unknown format {0} of the sealed part")]
    UnknownFormat(u16),
    /// The secret of that generation is missing.
    #[error("the ledger secret of generation {0} is missing")]
    UnknownGeneration(u64),
    /// It was changed, moved, or sealed under another key.
    #[error("the sealed part cannot be decrypted")]
    Refused,
    /// The counter is used up; the view must end.
    #[error("the nonce counter of this view is used up")]
    Exhausted,
}

/// The key of one leader, view and purpose, under one generation of the secret.
pub struct SealingKey {
    key: SealKey,
    generation: u64,
}

impl SealingKey {
    /// Derives the key.
    pub fn derive(
        secret: &LedgerSecret,
        network: &Digest,
        replica: u64,
        view: u64,
        purpose: Purpose,
    ) -> Self {
        let info = canonical::encode(&(
            "synod.seal.v1",
            network,
            secret.generation,
            replica,
            view,
            purpose.label(),
        ));
        let okm = hkdf_sha256::<32>(secret.secret.expose(), &[], &[&info]);
        Self {
            key: SealKey::new(&okm),
            generation: secret.generation,
        }
    }

    fn open(&self, counter: u64, place: &Place, buffer: &mut Vec<u8>) -> Result<(), SealError> {
        let aad = associated_data(self.generation, place);
        self.key
            .open(nonce(counter), &aad, buffer)
            .map_err(|_| SealError::Refused)
    }
}

/// Seals as the leader of one view.
pub struct Sealer {
    key: SealingKey,
    network: Digest,
    replica: u64,
    view: u64,
    counter: u64,
}

impl Sealer {
    /// Made once when `replica` becomes leader of `view`, and kept as long as it
    /// leads: a second one for the same pair would use its nonces again.
    pub fn new(
        secret: &LedgerSecret,
        network: Digest,
        replica: u64,
        view: u64,
        purpose: Purpose,
    ) -> Self {
        let key = SealingKey::derive(secret, &network, replica, view, purpose);
        Self {
            key,
            network,
            replica,
            view,
            counter: 0,
        }
    }

    /// The view it seals for.
    pub fn view(&self) -> u64 {
        self.view
    }

    /// Takes up a new generation of the secret within the view. The counter goes on.
    pub fn rekey(&mut self, secret: &LedgerSecret, purpose: Purpose) {
        self.key = SealingKey::derive(secret, &self.network, self.replica, self.view, purpose);
    }

    /// Seals the plaintext of transaction `seqno` that follows block `previous`.
    /// Encrypts in place; returns the frame's sealed part.
    pub fn seal(
        &mut self,
        seqno: u64,
        previous: Digest,
        mut plaintext: Vec<u8>,
    ) -> Result<Vec<u8>, SealError> {
        let counter = self.counter;
        self.counter = counter.checked_add(1).ok_or(SealError::Exhausted)?;
        let place = Place {
            network: self.network,
            replica: self.replica,
            view: self.view,
            seqno,
            previous,
        };
        let generation = self.key.generation;
        let aad = associated_data(generation, &place);
        self.key.key.seal(nonce(counter), &aad, &mut plaintext);
        Ok(encode_sealed(generation, counter, &plaintext))
    }
}

/// Opens what any leader sealed, under every generation of the secret it was given.
#[derive(Default)]
pub struct Opener {
    secrets: BTreeMap<u64, LedgerSecret>,
    keys: BTreeMap<(u64, u64, u64, Purpose), SealingKey>,
}

impl Opener {
    /// Knows no secret yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the secret of a generation; one that is known already stays.
    pub fn add(&mut self, secret: LedgerSecret) {
        self.secrets.entry(secret.generation).or_insert(secret);
    }

    /// The newest generation known.
    pub fn newest(&self) -> Option<&LedgerSecret> {
        self.secrets.values().next_back()
    }

    /// Every secret known, oldest first.
    pub fn secrets(&self) -> impl Iterator<Item = &LedgerSecret> {
        self.secrets.values()
    }

    /// Opens a sealed part that stands at `place`.
    pub fn open(
        &mut self,
        sealed: &[u8],
        place: &Place,
        purpose: Purpose,
    ) -> Result<Vec<u8>, SealError> {
        let (generation, counter, ciphertext) = parse(sealed)?;
        let mut buffer = ciphertext.to_vec();
        self.key(generation, place, purpose)?
            .open(counter, place, &mut buffer)?;
        Ok(buffer)
    }

    fn key(
        &mut self,
        generation: u64,
        place: &Place,
        purpose: Purpose,
    ) -> Result<&SealingKey, SealError> {
        let secret = self
            .secrets
            .get(&generation)
            .ok_or(SealError::UnknownGeneration(generation))?;
        let name = (generation, place.view, place.replica, purpose);
        if self.keys.len() >= KEYS_MAX && !self.keys.contains_key(&name) {
            self.keys.pop_first();
        }
        Ok(self.keys.entry(name).or_insert_with(|| {
            SealingKey::derive(secret, &place.network, place.replica, place.view, purpose)
        }))
    }
}

/// Reads `[format, generation, counter, ciphertext]`; only the shortest heads pass.
fn parse(sealed: &[u8]) -> Result<(u64, u64, &[u8]), SealError> {
    if sealed.len() > SEALED_BYTES_MAX {
        return Err(Malformed::TooLong {
            max: SEALED_BYTES_MAX,
        }
        .into());
    }
    let mut d = minicbor::Decoder::new(sealed);
    let (format, generation, counter, ciphertext) = fields(&mut d).ok_or(Malformed::Shape)?;
    if d.position() != sealed.len() {
        return Err(Malformed::Trailing.into());
    }
    let head = 2 + uint_len(generation) + uint_len(counter) + head_len(ciphertext.len());
    if format == SEALED_FORMAT && sealed.len() != head + ciphertext.len() {
        return Err(Malformed::NotCanonical.into());
    }
    if format != SEALED_FORMAT {
        return Err(SealError::UnknownFormat(format));
    }
    Ok((generation, counter, ciphertext))
}

fn fields<'b>(d: &mut minicbor::Decoder<'b>) -> Option<(u16, u64, u64, &'b [u8])> {
    if d.array().ok()? != Some(4) {
        return None;
    }
    Some((d.u16().ok()?, d.u64().ok()?, d.u64().ok()?, d.bytes().ok()?))
}

fn uint_len(value: u64) -> usize {
    usize::try_from(value).map_or(9, head_len)
}

fn encode_sealed(generation: u64, counter: u64, ciphertext: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(ciphertext.len() + 32);
    minicbor::Encoder::new(&mut out)
        .array(4)
        .and_then(|e| e.u16(SEALED_FORMAT))
        .and_then(|e| e.u64(generation))
        .and_then(|e| e.u64(counter))
        .and_then(|e| e.bytes(ciphertext))
        .expect("writing to a vector cannot fail");
    out
}

fn nonce(counter: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_be_bytes());
    nonce
}

fn associated_data(generation: u64, place: &Place) -> Vec<u8> {
    canonical::encode(&(
        SEALED_FORMAT,
        place.network,
        generation,
        place.replica,
        place.view,
        place.seqno,
        place.previous,
    ))
}
