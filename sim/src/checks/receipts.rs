//! Receipts: each verifies on the day it is given out, for ever with the chain of that day, and
//! anew once renewed.

use bytes::Bytes;
use synod_crypto::Digest;
use synod_governance::{Act, SignedAction};
use synod_ledger::{Chain, ChainRecord, Receipt, ReceiptError, ReceiptPolicy, TxId};
use synod_replica::Replica;

use crate::birth;
use crate::random::Random;

/// One in so many receipts is kept for later.
const KEPT_ONE_IN: u64 = 8;
/// So many are kept at most.
const KEPT_MAX: usize = 64;

struct Kept {
    tx: TxId,
    receipt: Receipt,
    chain: Chain,
}

/// The chain that the checker follows, and receipts of the past.
pub(crate) struct Receipts {
    network: Digest,
    chain: Option<Chain>,
    followed: usize,
    kept: Vec<Kept>,
    /// How many were verified when they were given out, and how many when they were renewed.
    pub(crate) verified: u64,
    pub(crate) renewed: u64,
}

impl Receipts {
    pub(crate) fn new(network: Digest) -> Self {
        Self {
            network,
            chain: None,
            followed: 0,
            kept: Vec::new(),
            verified: 0,
            renewed: 0,
        }
    }

    /// A replica gave out the receipt of `tx`.
    pub(crate) fn given(
        &mut self,
        tx: TxId,
        bytes: &Bytes,
        replica: &Replica,
        random: &mut Random,
    ) -> Result<(), String> {
        let Some(receipt) = self.verify(tx, bytes, replica)? else {
            return Ok(());
        };
        self.verified += 1;
        if random.below(KEPT_ONE_IN) == 0 {
            let chain = self.chain.clone().expect("it was followed to verify");
            let kept = Kept { tx, receipt, chain };
            if self.kept.len() < KEPT_MAX {
                self.kept.push(kept);
            } else {
                let at = random.below(KEPT_MAX as u64);
                self.kept[usize::try_from(at).expect("a place in a slice")] = kept;
            }
        }
        Ok(())
    }

    /// A transaction of the past, to ask any replica for its receipt anew.
    pub(crate) fn to_renew(&self, random: &mut Random) -> Option<TxId> {
        let known: Vec<TxId> = self.kept.iter().map(|kept| kept.tx).collect();
        random.pick(&known)
    }

    /// A replica gave out the receipt of an older transaction anew.
    pub(crate) fn renewed(
        &mut self,
        tx: TxId,
        bytes: &Bytes,
        replica: &Replica,
    ) -> Result<(), String> {
        let verified = self.verify(tx, bytes, replica)?;
        self.renewed += u64::from(verified.is_some());
        Ok(())
    }

    /// The receipt, if it proves something with the chain as far as it is known; an honest replica
    /// that has not heard of the newest configuration cannot prove more.
    fn verify(
        &mut self,
        tx: TxId,
        bytes: &Bytes,
        replica: &Replica,
    ) -> Result<Option<Receipt>, String> {
        let by = replica.id();
        let wrong = |what: &str| format!("the receipt of {tx}, given out by replica {by}: {what}");
        let receipt = Receipt::decode(bytes).map_err(|error| wrong(&error.to_string()))?;
        self.follow(replica)?;
        let chain = self.chain.as_ref().expect("it was followed");
        let behind = replica.machine().chain_records().len() < self.followed;
        let policy = ReceiptPolicy::default();
        let verified = match receipt.verify(chain, &policy) {
            Err(ReceiptError::Superseded { .. } | ReceiptError::BeforeOpening { .. }) if behind => {
                return Ok(None);
            }
            verified => verified.map_err(|error| wrong(&error.to_string()))?,
        };
        if verified.id() != tx {
            return Err(wrong(&format!("it is that of {}", verified.id())));
        }
        Ok(Some(receipt))
    }

    /// Follows the replica's chain as far as it leads.
    fn follow(&mut self, replica: &Replica) -> Result<(), String> {
        let records = replica.machine().chain_records();
        let refused = |error: &dyn std::fmt::Display| {
            format!("the chain of replica {} is refused: {error}", replica.id())
        };
        let chain = if let Some(chain) = &mut self.chain {
            chain
        } else {
            let block0 = replica.machine().genesis().clone();
            let started = Chain::start(self.network, block0).map_err(|error| refused(&error))?;
            self.chain.insert(started)
        };
        for record in records.iter().skip(self.followed) {
            let record = ChainRecord::decode(&record.encode()).map_err(|error| refused(&error))?;
            chain.follow(&record).map_err(|error| refused(&error))?;
            self.followed += 1;
        }
        if chain.opening().is_none()
            && let Some(opening) = replica.chain().opening
        {
            open(chain, &opening).map_err(|error| refused(&error))?;
        }
        Ok(())
    }

    /// What was kept verifies with the chain of its day; with the newest it does, or is to be
    /// renewed.
    pub(crate) fn audit(&self) -> Result<(), String> {
        let policy = ReceiptPolicy::default();
        for kept in &self.kept {
            let wrong = |error: ReceiptError| {
                format!("the receipt of {} verifies no more: {error}", kept.tx)
            };
            kept.receipt.verify(&kept.chain, &policy).map_err(wrong)?;
            let Some(chain) = &self.chain else { continue };
            match kept.receipt.verify(chain, &policy) {
                Ok(_) | Err(ReceiptError::Superseded { .. }) => {}
                Err(error) => return Err(wrong(error)),
            }
        }
        Ok(())
    }
}

/// Marks the configuration that the members opened, as a client does.
fn open(chain: &mut Chain, signed: &[u8]) -> Result<(), String> {
    let (members, threshold) = birth::members();
    let signed = SignedAction::decode(signed).map_err(|error| error.to_string())?;
    let action = signed
        .verify(&members, threshold)
        .map_err(|error| error.to_string())?;
    match action.act {
        Act::Open {
            configuration,
            digest,
        } if action.network == chain.network() => chain
            .open(configuration, &digest)
            .map_err(|error| error.to_string()),
        _ => Err("the opening is another act".to_owned()),
    }
}
