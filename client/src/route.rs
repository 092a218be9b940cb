//! The replicas that a client knows, and the one to ask first.

use crate::memory::Memory;
use crate::remembered::REMEMBERED_ADDRESSES_MAX;
use crate::url::ReplicaUrl;

/// The replicas known: those that the caller gave, then the others that the network named in this
/// run.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    given: Vec<ReplicaUrl>,
    named: Vec<ReplicaUrl>,
    /// Which version of the memory's addresses was taken last.
    version: u64,
    first: usize,
}

impl Route {
    /// Knows what the caller gave, and not yet what was remembered before.
    pub(crate) fn new(given: Vec<ReplicaUrl>, memory: Option<&Memory>) -> Self {
        Self {
            given,
            named: Vec::new(),
            version: memory.map_or(0, Memory::addresses_version),
            first: 0,
        }
    }

    /// Takes over the addresses that the network named, if they changed.
    pub(crate) fn refresh(&mut self, memory: &Memory) {
        let version = memory.addresses_version();
        if version == self.version {
            return;
        }
        self.version = version;
        let current = self.current();
        self.named = memory.addresses();
        self.named.retain(|url| !self.given.contains(url));
        self.first = self.position(&current).unwrap_or(0);
    }

    /// All of them, in the order in which they are tried, whichever is asked first.
    pub(crate) fn list(&self) -> impl Iterator<Item = &ReplicaUrl> + Clone {
        self.given.iter().chain(&self.named)
    }

    /// All of them, the one to be asked first in front.
    pub(crate) fn in_order(&self) -> Vec<ReplicaUrl> {
        let (before, from) = (self.list().take(self.first), self.list().skip(self.first));
        from.chain(before).cloned().collect()
    }

    /// The one to be asked first.
    pub(crate) fn current(&self) -> ReplicaUrl {
        let mut list = self.list().skip(self.first);
        list.next().expect("a route has an address").clone()
    }

    /// Whether it is one of them.
    pub(crate) fn knows(&self, url: &ReplicaUrl) -> bool {
        self.position(url).is_some()
    }

    /// The caller gives one more.
    pub(crate) fn give(&mut self, url: &ReplicaUrl) {
        let current = self.current();
        if !self.given.contains(url) {
            self.named.retain(|named| named != url);
            self.given.push(url.clone());
        }
        self.first = self.position(&current).unwrap_or(0);
    }

    /// A replica that is trusted named one more, where nothing says which addresses are the
    /// network's. The oldest such goes if there are many.
    pub(crate) fn follow(&mut self, url: &ReplicaUrl) {
        if self.knows(url) {
            return;
        }
        let current = self.current();
        if self.named.len() >= REMEMBERED_ADDRESSES_MAX {
            self.named.remove(0);
        }
        self.named.push(url.clone());
        self.first = self.position(&current).unwrap_or(0);
    }

    /// This one is asked first from now on, if it is known.
    pub(crate) fn prefer(&mut self, url: &ReplicaUrl) {
        self.first = self.position(url).unwrap_or(self.first);
    }

    /// The next after `failed` that is not refused, or the next at all; it is asked first from now
    /// on.
    pub(crate) fn advance(
        &mut self,
        failed: &ReplicaUrl,
        is_refused: impl Fn(&ReplicaUrl) -> bool,
    ) -> ReplicaUrl {
        let count = self.list().count();
        let after = self.position(failed).map_or(0, |at| at + 1);
        let usable = (0..count)
            .map(|step| (after + step) % count)
            .find(|at| self.list().nth(*at).is_some_and(|url| !is_refused(url)));
        self.first = usable.unwrap_or(after % count);
        self.current()
    }

    /// Forgets one, unless it is the only one.
    pub(crate) fn remove(&mut self, url: &ReplicaUrl) {
        if self.list().count() > 1 {
            let current = self.current();
            self.given.retain(|known| known != url);
            self.named.retain(|known| known != url);
            self.first = self.position(&current).unwrap_or(0);
        }
    }

    fn position(&self, url: &ReplicaUrl) -> Option<usize> {
        self.list().position(|known| known == url)
    }
}

#[cfg(test)]
mod tests {
    use synod_crypto::Digest;

    use super::*;

    fn url(port: u16) -> ReplicaUrl {
        format!("https://127.0.0.1:{port}").parse().unwrap()
    }

    fn ports(urls: &[ReplicaUrl]) -> Vec<u16> {
        urls.iter().map(ReplicaUrl::port).collect()
    }

    #[test]
    fn refused_addresses_are_passed_over_while_others_are_left() {
        let mut route = Route::new(vec![url(1), url(2), url(3)], None);
        let refused = |refused: &[u16]| {
            let refused = refused.to_vec();
            move |url: &ReplicaUrl| refused.contains(&url.port())
        };
        assert_eq!(route.advance(&url(1), refused(&[1, 2])), url(3));
        assert_eq!(route.advance(&url(3), refused(&[1, 2])), url(3));
        assert_eq!(route.advance(&url(3), refused(&[1, 2, 3])), url(1));
        assert_eq!(ports(&route.in_order()), [1, 2, 3]);
    }

    #[test]
    fn addresses_that_the_network_names_come_and_go_and_given_ones_stay() {
        let memory = Memory::new(Digest::from([1; 32]));
        memory.take_addresses(&[url(7)]).unwrap();
        let mut route = Route::new(vec![url(1), url(2)], Some(&memory));
        route.refresh(&memory);
        assert_eq!(
            ports(&route.in_order()),
            [1, 2],
            "what was known before the run"
        );
        memory.take_addresses(&[url(2), url(3)]).unwrap();
        route.refresh(&memory);
        assert_eq!(ports(&route.in_order()), [1, 2, 3]);
        route.prefer(&url(3));
        memory.take_addresses(&[url(4), url(3)]).unwrap();
        route.refresh(&memory);
        assert_eq!(ports(&route.in_order()), [3, 1, 2, 4]);
        memory.take_addresses(&[url(4)]).unwrap();
        route.refresh(&memory);
        assert_eq!(ports(&route.in_order()), [1, 2, 4]);
    }

    #[test]
    fn addresses_that_are_followed_are_bounded() {
        let mut route = Route::new(vec![url(1)], None);
        for port in 100..300 {
            route.follow(&url(port));
        }
        assert_eq!(route.list().count(), 1 + REMEMBERED_ADDRESSES_MAX);
        assert!(route.knows(&url(1)) && route.knows(&url(299)) && !route.knows(&url(100)));
    }
}
