//! The store agrees with a naive model, whatever is done to it in whatever order.

use std::collections::BTreeMap;

use synod_kv::{Bytes, KeyRange, MapName, Read, Store, WriteSet};

type State = BTreeMap<(String, Vec<u8>), (u64, Vec<u8>)>;

/// xorshift64*: enough to choose operations, the same on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }

    fn map(&mut self) -> MapName {
        MapName::new(["a", "b", "public:c"][self.roll(3) as usize]).expect("valid name")
    }

    fn key(&mut self) -> Vec<u8> {
        let length = self.roll(3);
        (0..length)
            .map(|_| [0, b'm', 0xff][self.roll(3) as usize])
            .collect()
    }

    fn writes(&mut self) -> WriteSet {
        let mut set = WriteSet::new();
        for _ in 0..self.roll(6) {
            let (map, key) = (self.map(), self.key());
            let done = match self.roll(3) {
                0 => set.delete(&map, key),
                _ => set.put(&map, key, self.roll(1000).to_be_bytes().to_vec()),
            };
            done.expect("within limits");
        }
        set
    }

    fn range(&mut self) -> KeyRange {
        match self.roll(4) {
            0 => KeyRange::all(),
            1 => KeyRange::prefix(&self.key()),
            2 => KeyRange::prefix(&self.key()).after(Bytes::from(self.key())),
            _ => KeyRange::new(
                std::ops::Bound::Included(Bytes::from(self.key())),
                std::ops::Bound::Excluded(Bytes::from(self.key())),
            ),
        }
    }
}

/// Keeps every state whole.
struct Model {
    states: Vec<State>,
    floor: u64,
}

impl Model {
    fn head(&self) -> u64 {
        self.states.len() as u64 - 1
    }

    fn apply(&mut self, writes: &WriteSet) {
        let seqno = self.states.len() as u64;
        let mut next = self.states.last().expect("state 0 exists").clone();
        overlay(&mut next, writes, seqno);
        self.states.push(next);
    }
}

fn overlay(state: &mut State, writes: &WriteSet, version: u64) {
    for (map, key, value) in writes.iter() {
        let slot = (map.as_str().to_owned(), key.to_vec());
        match value {
            Some(value) => state.insert(slot, (version, value.to_vec())),
            None => state.remove(&slot),
        };
    }
}

fn expect_same(model: &State, reader: &impl Read, dice: &mut Dice) {
    let (map, key, range) = (dice.map(), dice.key(), dice.range());
    let limit = dice.roll(5) as usize;
    let found = reader
        .get(&map, &key)
        .map(|found| (found.version, found.value.to_vec()));
    assert_eq!(found, model.get(&(map.as_str().to_owned(), key)).cloned());
    let listed: Vec<_> = reader
        .range(&map, &range, limit)
        .into_iter()
        .map(|(key, found)| (key.to_vec(), (found.version, found.value.to_vec())))
        .collect();
    let expected: Vec<_> = model
        .iter()
        .filter(|((name, key), _)| name == map.as_str() && range.contains(key))
        .map(|((_, key), found)| (key.clone(), found.clone()))
        .take(limit)
        .collect();
    assert_eq!(listed, expected);
}

fn expect_same_state(model: &State, store: &Store, seqno: u64) {
    let state = store.state(seqno).expect("within the window");
    let found: State = state
        .map(|item| {
            let slot = (item.map.as_str().to_owned(), item.key.to_vec());
            (slot, (item.version, item.value.to_vec()))
        })
        .collect();
    assert_eq!(&found, model);
}

fn expect_snapshots(model: &Model, store: &Store, dice: &mut Dice) {
    let seqno = dice.roll(model.head() + 3);
    let Ok(snapshot) = store.snapshot(seqno) else {
        assert!(seqno < model.floor || seqno > model.head());
        return;
    };
    assert!(seqno >= model.floor && seqno <= model.head());
    let state = &model.states[seqno as usize];
    expect_same(state, &snapshot, dice);
    expect_same_state(state, store, seqno);

    let mut transaction = store.begin_at(seqno).expect("as the snapshot");
    let (own, mut overlaid) = (dice.writes(), state.clone());
    for (map, key, value) in own.iter() {
        match value {
            Some(value) => transaction.put(map, key.clone(), value.clone()),
            None => transaction.delete(map, key.clone()),
        }
        .expect("within limits");
    }
    overlay(&mut overlaid, &own, synod_kv::OWN_WRITE);
    expect_same(&overlaid, &transaction, dice);
    assert_eq!(transaction.finish().1, own);
}

#[test]
fn store_agrees_with_a_model_under_random_operations() {
    for seed in 1..40 {
        let mut dice = Dice(seed);
        let mut store = Store::new();
        let mut model = Model {
            states: vec![State::new()],
            floor: 0,
        };
        for _ in 0..300 {
            match dice.roll(12) {
                0 => {
                    let to = dice.roll(model.head() + 2);
                    let done = store.rollback(to).is_ok();
                    assert_eq!(done, to >= model.floor && to <= model.head());
                    if done {
                        model.states.truncate(to as usize + 1);
                    }
                }
                1 => {
                    let below = model.floor + dice.roll(6);
                    store.compact(below);
                    model.floor = below.min(model.head());
                }
                2..=6 => {
                    let writes = dice.writes();
                    store.apply(store.head() + 1, &writes);
                    model.apply(&writes);
                }
                _ => expect_snapshots(&model, &store, &mut dice),
            }
            assert_eq!((store.head(), store.floor()), (model.head(), model.floor));
        }
    }
}

/// A transaction that validates gives the same result when it is executed at
/// the head; that is what optimistic concurrency has to promise.
#[test]
fn a_validated_transaction_reads_the_same_at_the_head() {
    let (mut validated, mut refused) = (0, 0);
    for seed in 1..200 {
        let mut dice = Dice(seed);
        let mut store = Store::new();
        for _ in 0..5 {
            store.apply(store.head() + 1, &dice.writes());
        }
        let asked: Vec<_> = (0..2)
            .map(|_| (dice.map(), dice.key(), dice.range()))
            .collect();
        let limit = 1 + dice.roll(3) as usize;
        let own = dice.writes();
        let read = |store: &Store| {
            let mut transaction = store.begin();
            for (map, key, value) in own.iter() {
                match value {
                    Some(value) => transaction.put(map, key.clone(), value.clone()),
                    None => transaction.delete(map, key.clone()),
                }
                .expect("within limits");
            }
            let results: Vec<_> = asked
                .iter()
                .map(|(map, key, range)| {
                    (
                        transaction.get(map, key),
                        transaction.range(map, range, limit),
                    )
                })
                .collect();
            (results, transaction.finish().0)
        };
        let (before, reads) = read(&store);
        store.apply(store.head() + 1, &dice.writes());
        if store.validate(&reads).is_ok() {
            validated += 1;
            assert_eq!(read(&store).0, before);
        } else {
            refused += 1;
        }
    }
    assert!(
        validated > 20 && refused > 20,
        "{validated} validated, {refused} refused"
    );
}

#[test]
fn random_write_sets_survive_the_wire_and_mutated_ones_never_pass_as_others() {
    let mut dice = Dice(7);
    for _ in 0..10_000 {
        let set = dice.writes();
        let mut bytes = set.encode();
        assert_eq!(WriteSet::decode(&bytes).as_ref(), Ok(&set));
        let at = dice.roll(bytes.len() as u64) as usize;
        match dice.roll(3) {
            0 => bytes[at] ^= 1 << dice.roll(8),
            1 => bytes.truncate(at),
            _ => bytes.insert(at, dice.roll(256) as u8),
        }
        if let Ok(other) = WriteSet::decode(&bytes) {
            assert_eq!(other.encode(), bytes, "what decodes is canonical");
        }
    }
}
