//! Whether governance has changed since somebody last looked, so that what follows from it is not
//! judged again for nothing.

use synod_replica::Replica;

/// What somebody has seen of governance, as certified state had it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct GovernanceSeen {
    epoch: Option<u64>,
    /// The newest transaction when the epoch was first seen: what changed governance stands at or
    /// before it.
    head: u64,
    /// The newest certified transaction when it was last looked.
    certified: u64,
}

impl GovernanceSeen {
    /// Whether certified state may have another governance than when this was last asked. The epoch
    /// begins before the change is certified, so there is news until all up to then is.
    pub(crate) fn is_news(&mut self, replica: &Replica) -> bool {
        let machine = replica.machine();
        let (epoch, head) = (machine.governance_epoch(), machine.store().head());
        self.note(epoch, head, machine.history().certified_seqno())
    }

    fn note(&mut self, epoch: u64, head: u64, certified: u64) -> bool {
        let is_new = self.epoch != Some(epoch);
        let news = is_new || self.certified < self.head;
        if is_new {
            (self.epoch, self.head) = (Some(epoch), head);
        }
        self.certified = certified;
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn change_is_news_until_it_is_certified_and_then_no_more() {
        let mut seen = GovernanceSeen::default();
        assert!(seen.note(7, 10, 10));
        assert!(!seen.note(7, 12, 11));
        assert!(
            seen.note(8, 13, 11),
            "the epoch begins before the change is certified"
        );
        assert!(seen.note(8, 14, 12));
        assert!(seen.note(8, 15, 13), "now it is certified");
        assert!(!seen.note(8, 16, 15));
    }
}
