//! The memory of a client: shared by all that verify for it, and kept between runs if it has a
//! state file.
//!
//! With a state file each update is one step under the file's lock: what the file holds, joined
//! with what this process knows, is compared with what is shown, and written if it changed. So the
//! newer one of two programs wins, whichever comes first, and a program that runs for long learns
//! from the others.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use synod_crypto::Digest;
use synod_ledger::{Chain, Malformed, Receipt, ReceiptError};

use crate::head::CertifiedHead;
use crate::remembered::{Contradiction, Fork, Remembered, Source, StepBack, newest_of};
use crate::state_file::{Locked, StateFile, StateFileError};
use crate::url::ReplicaUrl;

/// What a client remembers. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: Option<StateFile>,
    network: Digest,
    now: Mutex<Remembered>,
    /// Counts how often this process was told addresses.
    addresses_told: AtomicU64,
}

/// Why something shown was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// It is older than what was remembered, or contradicts it.
    #[error(transparent)]
    StepBack(#[from] StepBack),
    /// Two roots of one tree size, both certified.
    #[error(
        "the ledger was forked: {} transactions have the certified root {}, and the certified root {}{}",
        fork.shown.tree_size(), fork.remembered.root(), fork.shown.root(), kept_text(kept.as_ref())
    )]
    Fork {
        /// The proof.
        fork: Box<Fork>,
        /// The file that holds it; none without a state file, or where enough are kept already.
        kept: Option<PathBuf>,
    },
    /// The state file cannot be used.
    #[error(transparent)]
    File(#[from] StateFileError),
}

fn kept_text(kept: Option<&PathBuf>) -> String {
    match kept {
        Some(path) => format!("; the proof is kept in `{}`", path.display()),
        None => String::new(),
    }
}

/// Why a receipt was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptMemoryError {
    /// The file is not a receipt.
    #[error("the receipt cannot be read: {0}")]
    Malformed(#[from] Malformed),
    /// It proves nothing.
    #[error(transparent)]
    Refused(#[from] ReceiptError),
    /// It contradicts what was remembered.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

impl Memory {
    /// A memory that ends with the process.
    pub fn new(network: Digest) -> Self {
        Self::with(None, Remembered::new(network))
    }

    /// A memory that is kept in a state file, which is read now and made at the first change.
    ///
    /// # Errors
    /// [`StateFileError`], if there is a file and it cannot be used for this network.
    pub fn open(file: StateFile, network: Digest) -> Result<Self, StateFileError> {
        let known = file.read(network)?;
        let known = known.unwrap_or_else(|| Remembered::new(network));
        Ok(Self::with(Some(file), known))
    }

    fn with(file: Option<StateFile>, known: Remembered) -> Self {
        Self(Arc::new(Inner {
            file,
            network: known.network,
            now: Mutex::new(known),
            addresses_told: AtomicU64::new(0),
        }))
    }

    /// The network that it is of.
    pub fn network(&self) -> Digest {
        self.0.network
    }

    /// What is remembered now.
    pub fn remembered(&self) -> Remembered {
        self.now().clone()
    }

    /// Takes what a verified replica shows as its newest: the chain, and the newest certified
    /// block, if it shows one.
    ///
    /// # Errors
    /// [`MemoryError`]; nothing was changed then.
    pub fn take_replica(
        &self,
        chain: &Chain,
        head: Option<&CertifiedHead>,
    ) -> Result<(), MemoryError> {
        self.update(|known| known.take(chain, head, Source::Replica))
    }

    /// Takes a receipt with the chain that it is verified with; both may be old.
    ///
    /// # Errors
    /// [`ReceiptMemoryError`]; nothing was changed then.
    pub fn take_receipt(&self, chain: &Chain, file: &[u8]) -> Result<(), ReceiptMemoryError> {
        let head = CertifiedHead::of_receipt(chain, Receipt::decode(file)?)?;
        Ok(self.update(|known| known.take(chain, head.as_ref(), Source::Archive))?)
    }

    /// Takes the addresses of the replicas that vote, as a verified replica names them.
    ///
    /// # Errors
    /// [`MemoryError::File`].
    pub fn take_addresses(&self, addresses: &[ReplicaUrl]) -> Result<(), MemoryError> {
        let known = self.addresses();
        if known != addresses {
            self.update(|known| {
                known.name(addresses);
                Ok(())
            })?;
        }
        self.0.addresses_told.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// The addresses of the replicas that vote, as they were named last.
    pub(crate) fn addresses(&self) -> Vec<ReplicaUrl> {
        self.now().addresses.clone()
    }

    /// Grows whenever this process is told addresses.
    pub(crate) fn addresses_version(&self) -> u64 {
        self.0.addresses_told.load(Ordering::Relaxed)
    }

    /// Whether nothing newer than the newest configuration of this chain was seen, nor an opening
    /// that it does not have.
    pub fn is_newest(&self, chain: &Chain) -> bool {
        let now = self.now();
        let is_open = chain.opening().is_some();
        let newest = newest_of(chain).number;
        is_open >= now.opened && now.configuration.is_none_or(|known| known.number <= newest)
    }

    fn update(
        &self,
        change: impl FnOnce(&mut Remembered) -> Result<(), Contradiction>,
    ) -> Result<(), MemoryError> {
        let locked = self.0.file.as_ref().map(StateFile::lock).transpose()?;
        let mut now = self.now();
        let network = self.0.network;
        let in_file = match &locked {
            Some(locked) => locked.read(network)?,
            None => None,
        };
        let joined = match &in_file {
            Some(in_file) => now.clone().joined(in_file),
            None => Ok(now.clone()),
        };
        let changed = joined.and_then(|mut known| change(&mut known).map(|()| known));
        let changed =
            changed.map_err(|contradiction| told(contradiction, locked.as_ref(), network))?;
        if let Some(locked) = &locked
            && in_file.as_ref() != Some(&changed)
        {
            locked.write(&changed)?;
        }
        *now = changed;
        Ok(())
    }

    fn now(&self) -> std::sync::MutexGuard<'_, Remembered> {
        self.0.now.lock().expect("no holder of this lock panics")
    }
}

/// What contradicts, as an error; the proof of a fork is kept.
fn told(contradiction: Contradiction, locked: Option<&Locked<'_>>, network: Digest) -> MemoryError {
    match contradiction {
        Contradiction::StepBack(step_back) => step_back.into(),
        Contradiction::Fork(fork) => match locked.map(|locked| locked.keep_fork(network, &fork)) {
            Some(Err(error)) => error.into(),
            Some(Ok(kept)) => MemoryError::Fork { fork, kept },
            None => MemoryError::Fork { fork, kept: None },
        },
    }
}
