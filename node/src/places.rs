//! Places that connections take: bounded in number, and for each key, such as an address, as well.
//!
//! When places run out, the connection that has been idle longest gives way to the newcomer, so
//! that nobody can keep others out by merely holding on; where none is idle, that whose answer has
//! been on its way longest. Where the newcomer's own key has no place left, only a connection of
//! that key gives way: who floods costs nobody but itself. Connections that wait for this node
//! never give way.
//!
//! Invariants
//! - there are never more than `places_max` places taken, nor more than `per_key_max` by one key;
//! - a place is free again once its [`Place`] is dropped, or its holder was told to leave.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How many places there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// In all.
    pub(crate) places_max: usize,
    /// For one key.
    pub(crate) per_key_max: usize,
}

/// Whether the holder of a place is idle (or takes an answer), and for how long; `None` while it
/// waits for this node.
pub(crate) type Silence = Box<dyn Fn() -> Option<(bool, Duration)> + Send>;

/// A holder that is idle from now on, such as a handshake of a stranger.
pub(crate) fn silent() -> Silence {
    let since = Instant::now();
    Box::new(move || Some((true, since.elapsed())))
}

/// A holder that never gives way.
#[cfg(test)]
pub(crate) fn busy() -> Silence {
    Box::new(|| None)
}

/// The places of one kind of connection.
pub(crate) struct Places<K> {
    bounds: Bounds,
    taken: Mutex<Taken<K>>,
}

struct Taken<K> {
    next: u64,
    holders: BTreeMap<u64, Holder<K>>,
}

struct Holder<K> {
    key: K,
    silence: Silence,
    leave: Arc<Notify>,
}

/// A place that is taken until this is dropped.
pub(crate) struct Place<K> {
    places: Arc<Places<K>>,
    number: u64,
    leave: Arc<Notify>,
}

impl<K: Copy + PartialEq> Places<K> {
    /// All places are free.
    pub(crate) fn new(bounds: Bounds) -> Arc<Self> {
        assert!(bounds.places_max > 0 && bounds.per_key_max > 0);
        Arc::new(Self {
            bounds,
            taken: Mutex::new(Taken {
                next: 0,
                holders: BTreeMap::new(),
            }),
        })
    }

    /// Takes a place, if need be that of whoever was silent longest. `None` if nobody can give way.
    pub(crate) fn take(self: &Arc<Self>, key: K, silence: Silence) -> Option<Place<K>> {
        let mut taken = self.lock();
        let own = taken.holders.values().filter(|holder| holder.key == key);
        if own.count() >= self.bounds.per_key_max {
            taken.make_room(|holder| holder.key == key)?;
        }
        if taken.holders.len() >= self.bounds.places_max {
            taken.make_room(|_| true)?;
        }
        let (number, leave) = (taken.next, Arc::new(Notify::new()));
        taken.next += 1;
        let holder = Holder {
            key,
            silence,
            leave: leave.clone(),
        };
        taken.holders.insert(number, holder);
        Some(Place {
            places: self.clone(),
            number,
            leave,
        })
    }

    /// Tells all holders to leave whose key is not wanted any more.
    pub(crate) fn keep(&self, wanted: impl Fn(K) -> bool) {
        self.lock().holders.retain(|_, holder| {
            let kept = wanted(holder.key);
            if !kept {
                holder.leave.notify_one();
            }
            kept
        });
    }

    /// How many places are taken.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.lock().holders.len()
    }
}

impl<K> Places<K> {
    /// Nobody panics while holding this lock; what it guards is whole anyway.
    fn lock(&self) -> MutexGuard<'_, Taken<K>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> Taken<K> {
    /// Tells the holder to leave that was silent longest among those that may be asked.
    fn make_room(&mut self, may_be_asked: impl Fn(&Holder<K>) -> bool) -> Option<()> {
        let silent = self
            .holders
            .iter()
            .filter(|(_, holder)| may_be_asked(holder))
            .filter_map(|(number, holder)| Some(((holder.silence)()?, *number)));
        // Of two that were silent for as long, the older one.
        let (_, number) = silent.max_by_key(|(silence, number)| (*silence, u64::MAX - number))?;
        let holder = self.holders.remove(&number)?;
        holder.leave.notify_one();
        Some(())
    }
}

impl<K> Place<K> {
    /// Waits until the place is needed for somebody else.
    pub(crate) async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }
}

impl<K> Drop for Place<K> {
    fn drop(&mut self) {
        self.places.lock().holders.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    fn places(places_max: usize, per_key_max: usize) -> Arc<Places<u8>> {
        Places::new(Bounds {
            places_max,
            per_key_max,
        })
    }

    /// Silent for so many milliseconds.
    fn for_ms(ms: u64) -> Silence {
        Box::new(move || Some((true, Duration::from_millis(ms))))
    }

    async fn must_leave(place: &Place<u8>) -> bool {
        timeout(Duration::ZERO, place.asked_to_leave())
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn longest_silent_connection_gives_way_when_places_run_out() {
        let places = places(3, 3);
        let a = places.take(1, for_ms(5)).unwrap();
        let b = places.take(2, for_ms(9)).unwrap();
        let c = places.take(3, busy()).unwrap();
        let d = places.take(4, for_ms(0)).expect("b gives way");
        assert!(must_leave(&b).await);
        for stays in [&a, &c, &d] {
            assert!(!must_leave(stays).await);
        }
        drop(b);
        assert_eq!(places.taken(), 3, "what b gave up is not given up twice");
    }

    #[tokio::test]
    async fn longest_answer_gives_way_where_nobody_is_idle() {
        let sending =
            |ms| -> Silence { Box::new(move || Some((false, Duration::from_millis(ms)))) };
        let places = places(2, 2);
        let a = places.take(1, sending(9)).unwrap();
        let b = places.take(2, sending(5)).unwrap();
        let c = places.take(3, for_ms(1)).expect("a gives way");
        assert!(must_leave(&a).await && !must_leave(&b).await);
        let _d = places.take(4, busy()).expect("c is idle");
        assert!(must_leave(&c).await && !must_leave(&b).await);
    }

    #[tokio::test]
    async fn flood_from_one_source_costs_that_source_alone() {
        let places = places(8, 2);
        let others = places.take(1, for_ms(1_000_000)).unwrap();
        let mut flood = Vec::new();
        for _ in 0..100 {
            flood.push(places.take(2, for_ms(1)).expect("an older one gives way"));
        }
        assert_eq!(places.taken(), 3);
        assert!(!must_leave(&others).await);
        assert!(must_leave(&flood[97]).await && !must_leave(&flood[98]).await);
    }

    #[tokio::test]
    async fn connections_with_something_under_way_never_give_way() {
        let places = places(2, 2);
        let a = places.take(1, busy()).unwrap();
        let b = places.take(2, busy()).unwrap();
        assert!(places.take(3, silent()).is_none());
        assert!(!must_leave(&a).await && !must_leave(&b).await);
        drop(a);
        assert!(places.take(3, silent()).is_some());
    }

    #[tokio::test]
    async fn holders_whose_key_is_not_wanted_any_more_are_told() {
        let places = places(4, 2);
        let a = places.take(1, busy()).unwrap();
        let b = places.take(2, busy()).unwrap();
        places.keep(|key| key == 2);
        assert!(must_leave(&a).await && !must_leave(&b).await);
        assert_eq!(places.taken(), 1);
    }
}
