//! Certificates that came before their blocks.
//!
//! Nothing here is verified: that takes the block. So the number is bounded, and one that fits no
//! block pushes out no one that does: where there is no room, the highest index gives way, for its
//! sender says it again.

use std::collections::BTreeMap;

use synod_ledger::Certificate;

/// So many certificates are kept.
pub(crate) const PARKED_MAX: usize = 16;

/// The certificates that wait for their blocks, by the index that they name.
#[derive(Debug, Default)]
pub(crate) struct Parked(BTreeMap<u64, Certificate>);

impl Parked {
    /// Keeps a certificate, if there is one, until its block is here.
    pub(crate) fn extend(&mut self, certificate: Option<Certificate>) {
        let Some(certificate) = certificate else {
            return;
        };
        if !self.0.contains_key(&certificate.index) && self.0.len() >= PARKED_MAX {
            self.0.pop_last();
        }
        self.0.insert(certificate.index, certificate);
    }

    /// Takes out those that may fit a log whose last block stands at `last`, highest first.
    pub(crate) fn due(&mut self, last: u64) -> impl Iterator<Item = Certificate> + use<> {
        let later = self.0.split_off(&(last + 1));
        let due = std::mem::replace(&mut self.0, later);
        due.into_values().rev()
    }

    /// Forgets those that bring nothing any more.
    pub(crate) fn forget_up_to(&mut self, certified: u64) {
        self.0 = self.0.split_off(&(certified + 1));
    }
}

#[cfg(test)]
mod tests {
    use synod_crypto::Digest;

    use super::*;

    fn certificate(index: u64) -> Certificate {
        Certificate {
            index,
            header_hash: Digest::ZERO,
            view: 1,
            signatures: Vec::new(),
        }
    }

    #[test]
    fn a_certificate_far_ahead_does_not_push_out_one_that_is_due() {
        let mut parked = Parked::default();
        for index in 10..100 {
            parked.extend(Some(certificate(index)));
            parked.extend(Some(certificate(u64::MAX - 1)));
        }
        assert_eq!(parked.0.len(), PARKED_MAX);
        let due: Vec<u64> = parked.due(11).map(|due| due.index).collect();
        assert_eq!(due, [11, 10]);
        parked.forget_up_to(20);
        assert!(parked.due(20).next().is_none());
        assert!(parked.due(u64::MAX - 1).next().is_some());
    }
}
