//! What a client remembers of a network, and the one rule by which it never goes back.
//!
//! The rule, which [`Remembered::take`] alone applies:
//! - a chain of configurations from a replica reaches at least the newest configuration that was
//!   remembered, and has that very configuration at its number;
//! - two certified heads of one tree size have one root;
//! - a replica's newest certified block is not much older than the newest that was remembered;
//! - what a network showed before its members opened it counts for nothing once it shows the
//!   opening, and a replica that shows none after that is behind;
//! - what was remembered is replaced only by something newer. A receipt of an old transaction, or a
//!   chain from a file, may be older than what is remembered: it is compared as far as it goes, and
//!   teaches nothing.
//!
//! No file, no clock and no network here.

use synod_crypto::Digest;
use synod_ledger::Chain;

use crate::head::CertifiedHead;
use crate::url::ReplicaUrl;

/// Most addresses of replicas that are remembered.
pub const REMEMBERED_ADDRESSES_MAX: usize = 64;

/// How far a replica's newest certified block may lie behind the newest one that was remembered, in
/// milliseconds of the ledger's time (a minute): followers learn of a certificate a moment after
/// the leader.
pub const BEHIND_MS_MAX: u64 = 60_000;

/// A configuration, by what tells it from every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigurationId {
    /// Its number.
    pub number: u64,
    /// Its digest.
    pub digest: Digest,
}

/// What a client remembers of one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    pub(crate) network: Digest,
    /// Whether the chain behind configuration and head showed that the members opened the network.
    pub(crate) opened: bool,
    pub(crate) configuration: Option<ConfigurationId>,
    pub(crate) head: Option<CertifiedHead>,
    pub(crate) addresses: Vec<ReplicaUrl>,
}

/// Where what is taken comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A replica shows it as its newest.
    Replica,
    /// It comes from a file or a receipt, which may be old.
    Archive,
}

/// Something older than, or other than, what was remembered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepBack {
    /// The newest configuration shown is older than the newest one that was remembered.
    #[error(
        "it shows configuration {shown} as the newest, but this client has seen configuration {remembered}: the replica is \
         behind, or its host withholds what is newer, or the history was rolled back"
    )]
    OlderConfiguration {
        /// The number that was remembered.
        remembered: u64,
        /// The number shown.
        shown: u64,
    },
    /// The members opened the network, as this client has seen, and the replica shows no opening.
    #[error(
        "it does not show that the members opened the network, as this client has seen: the replica is behind, or its \
         host withholds what is newer, or the history was rolled back"
    )]
    NotOpen,
    /// Another configuration has the number of the one that was remembered.
    #[error(
        "it shows a configuration {number} ({shown}) that differs from the one this client has seen ({remembered}): the history \
         was rolled back or forked"
    )]
    OtherConfiguration {
        /// The number.
        number: u64,
        /// The digest that was remembered.
        remembered: Digest,
        /// The digest shown.
        shown: Digest,
    },
    /// The newest certified block shown is much older than the newest one that was remembered.
    #[error(
        "its newest certified block holds {shown} transactions and is {behind_ms} ms older than one of {remembered} \
         that this client has seen: the replica is behind, or its host withholds what is newer, or the history was \
         rolled back"
    )]
    OlderBlock {
        /// The tree size that was remembered.
        remembered: u64,
        /// The tree size shown.
        shown: u64,
        /// By how much it is older, in milliseconds of the ledger's time.
        behind_ms: u64,
    },
}

impl StepBack {
    /// Whether a replica that is merely behind can show this, and may be all right a moment later.
    pub fn may_pass(&self) -> bool {
        !matches!(self, Self::OtherConfiguration { .. })
    }
}

/// Two roots of one tree size, both certified: the ledger was forked. With the chain of
/// configurations both heads prove it to anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// The head that was remembered.
    pub remembered: CertifiedHead,
    /// The head shown.
    pub shown: CertifiedHead,
}

/// What does not agree with what was remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Contradiction {
    StepBack(StepBack),
    Fork(Box<Fork>),
}

impl Remembered {
    /// Nothing yet.
    pub fn new(network: Digest) -> Self {
        Self {
            network,
            opened: false,
            configuration: None,
            head: None,
            addresses: Vec::new(),
        }
    }

    /// The network id.
    pub fn network(&self) -> Digest {
        self.network
    }

    /// Whether the members were seen to have opened the network.
    pub fn opened(&self) -> bool {
        self.opened
    }

    /// The newest configuration seen.
    pub fn configuration(&self) -> Option<ConfigurationId> {
        self.configuration
    }

    /// The certified head with the greatest tree size seen.
    pub fn head(&self) -> Option<&CertifiedHead> {
        self.head.as_ref()
    }

    /// The addresses of the replicas that vote, as a verified replica named them last.
    pub fn addresses(&self) -> &[ReplicaUrl] {
        &self.addresses
    }

    /// Compares a followed chain, and a head that its newest configuration certified, with what is
    /// remembered, and remembers what is newer. What contradicts changes nothing.
    pub(crate) fn take(
        &mut self,
        chain: &Chain,
        head: Option<&CertifiedHead>,
        source: Source,
    ) -> Result<(), Contradiction> {
        assert_eq!(
            chain.network(),
            self.network,
            "a memory is of the network whose chain is followed"
        );
        let is_open = chain.opening().is_some();
        if self.opened && !is_open && source == Source::Replica {
            return Err(Contradiction::StepBack(StepBack::NotOpen));
        }
        if is_open && !self.opened {
            self.forget_unopened();
        }
        self.compare_chain(chain, source)
            .map_err(Contradiction::StepBack)?;
        let shown = newest_of(chain);
        // A chain that ends before the newest configuration known, or before the opening, vouches
        // for no head.
        let is_newest = |known: ConfigurationId| known.number <= shown.number;
        let vouches = is_open >= self.opened && self.configuration.is_none_or(is_newest);
        let head = head.filter(|_| vouches);
        if let Some(head) = head {
            self.compare_head(head, source)?;
        }
        if vouches {
            self.configuration = Some(shown);
        }
        if let Some(head) = head {
            self.keep_head(head);
        }
        Ok(())
    }

    /// Whoever holds a founder's key can show anything of a network before its members open it.
    fn forget_unopened(&mut self) {
        self.configuration = None;
        self.head = None;
        self.opened = true;
    }

    /// Remembers the addresses that a verified replica names, as many as are allowed.
    pub(crate) fn name(&mut self, addresses: &[ReplicaUrl]) {
        let kept = addresses.iter().take(REMEMBERED_ADDRESSES_MAX);
        self.addresses = kept.cloned().collect();
    }

    /// What this process knows, joined with what a file holds: the newer, part by part. Addresses
    /// are written as soon as they are learnt, so the file's are the newer ones.
    pub(crate) fn joined(mut self, other: &Self) -> Result<Self, Contradiction> {
        assert_eq!(self.network, other.network, "one network");
        if !other.addresses.is_empty() {
            self.addresses.clone_from(&other.addresses);
        }
        if self.opened && !other.opened {
            return Ok(self);
        }
        if other.opened && !self.opened {
            self.forget_unopened();
        }
        if let Some(theirs) = other.configuration {
            match self.configuration {
                Some(ours) if ours.number == theirs.number && ours.digest != theirs.digest => {
                    return Err(Contradiction::StepBack(StepBack::OtherConfiguration {
                        number: ours.number,
                        remembered: ours.digest,
                        shown: theirs.digest,
                    }));
                }
                Some(ours) if ours.number >= theirs.number => {}
                _ => self.configuration = Some(theirs),
            }
        }
        if let Some(head) = &other.head {
            self.compare_head(head, Source::Archive)?;
            self.keep_head(head);
        }
        Ok(self)
    }

    fn compare_chain(&self, chain: &Chain, source: Source) -> Result<(), StepBack> {
        let Some(known) = self.configuration else {
            return Ok(());
        };
        let at = usize::try_from(known.number).ok();
        match at.and_then(|at| chain.configurations().nth(at)) {
            Some(same) if same.digest() == known.digest => Ok(()),
            Some(other) => Err(StepBack::OtherConfiguration {
                number: known.number,
                remembered: known.digest,
                shown: other.digest(),
            }),
            None if source == Source::Archive => Ok(()),
            None => Err(StepBack::OlderConfiguration {
                remembered: known.number,
                shown: chain.current().number(),
            }),
        }
    }

    fn compare_head(&self, shown: &CertifiedHead, source: Source) -> Result<(), Contradiction> {
        let Some(known) = &self.head else {
            return Ok(());
        };
        if known.tree_size() == shown.tree_size() && known.root() != shown.root() {
            return Err(Contradiction::Fork(Box::new(Fork {
                remembered: known.clone(),
                shown: shown.clone(),
            })));
        }
        let behind_ms = known.time_ms().saturating_sub(shown.time_ms());
        let is_older = shown.tree_size() < known.tree_size() && behind_ms > BEHIND_MS_MAX;
        if source == Source::Replica && is_older {
            return Err(Contradiction::StepBack(StepBack::OlderBlock {
                remembered: known.tree_size(),
                shown: shown.tree_size(),
                behind_ms,
            }));
        }
        Ok(())
    }

    fn keep_head(&mut self, head: &CertifiedHead) {
        let place = |head: &CertifiedHead| (head.tree_size(), head.time_ms());
        if self
            .head
            .as_ref()
            .is_none_or(|known| place(known) < place(head))
        {
            self.head = Some(head.clone());
        }
    }
}

/// The newest configuration of a chain.
pub(crate) fn newest_of(chain: &Chain) -> ConfigurationId {
    let current = chain.current();
    ConfigurationId {
        number: current.number(),
        digest: current.digest(),
    }
}
