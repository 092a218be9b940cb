//! What the members are about.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use synod_crypto::Digest;
use synod_governance::Act;

use crate::random::Random;

/// At most so many decisions wait.
const DECISIONS_MAX: usize = 8;

/// What they are about.
pub(crate) struct Members {
    pub(crate) random: Random,
    /// So many voters they want before they open.
    pub(crate) wanted: u64,
    /// Whether the service is open.
    pub(crate) open: bool,
    pub(crate) decisions: VecDeque<Act>,
    /// The call with the first decision, and when it was made.
    pub(crate) call: Option<(u64, u64)>,
    /// How many versions of apps they have decided on.
    pub(crate) versions: u64,
    /// Components that are not on the ledger yet.
    pub(crate) components: BTreeMap<Digest, Bytes>,
    /// The call that brings a component, and when it was made.
    pub(crate) chunk: Option<(u64, u64)>,
}

impl Members {
    pub(crate) fn new(random: Random, wanted: u64) -> Self {
        Self {
            random,
            wanted,
            open: false,
            decisions: VecDeque::new(),
            call: None,
            versions: 0,
            components: BTreeMap::new(),
            chunk: None,
        }
    }

    /// They will sign this.
    pub(crate) fn decide(&mut self, act: Act) {
        if self.decisions.len() < DECISIONS_MAX {
            self.decisions.push_back(act);
        }
    }
}
