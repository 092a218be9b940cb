//! Clients: they put, get, delete and run transactions through any replica, and try again until
//! they are told.
//!
//! Invariants
//! - a client has one operation at a time; a retry bears the same idempotency key;
//! - an operation that a client gave up stays in its history without an answer.

use std::collections::BTreeMap;

use bytes::Bytes;
use synod_crypto::{Digest, sha256};
use synod_replica::kv::{Answer, Compare, Condition, Expect, Item, Operate, Operation, Step};
use synod_replica::{Request, app as apps};

use crate::app;
use crate::history::{Ask, Expected, Told, TxStep, Versioned, Want};
use crate::random::Random;
use crate::values::{PARTITIONS, is_of_app, key_bytes, map_of, value_bytes, value_of};

/// So many clients ask.
pub(crate) const CLIENTS: usize = 8;
/// A client gives an operation up after so long (microseconds), if it is one that gives up.
pub(crate) const PATIENCE_US: u64 = 10_000_000;
/// A call that was not answered for so long is made again elsewhere.
pub(crate) const TIMEOUT_US: u64 = 800_000;

/// One client.
pub(crate) struct Client {
    pub(crate) random: Random,
    pub(crate) pending: Option<Pending>,
    /// The replica that it was told leads.
    pub(crate) leader: Option<u64>,
    /// It sees this host only, until then.
    pub(crate) captive: Option<(u64, u64)>,
    /// What it last saw of each key.
    seen: BTreeMap<(u64, usize), Option<Versioned>>,
    next: u64,
    /// Operations answered in the calm that lasts.
    pub(crate) written_in_calm: bool,
}

/// An operation on its way.
pub(crate) struct Pending {
    pub(crate) partition: u64,
    pub(crate) ask: Ask,
    /// When it was first asked: the number of an event, and the virtual time.
    pub(crate) asked: u64,
    pub(crate) asked_us: u64,
    /// It is given up at this time.
    pub(crate) given_up_us: u64,
    /// The call that is on its way.
    pub(crate) call: Option<u64>,
    /// The newest seqno that any client had been told.
    pub(crate) known: u64,
    key: Bytes,
}

impl Client {
    pub(crate) fn new(random: Random) -> Self {
        Self {
            random,
            pending: None,
            leader: None,
            captive: None,
            seen: BTreeMap::new(),
            next: 0,
            written_in_calm: false,
        }
    }

    /// Thinks of the next operation. `number` is the client's.
    pub(crate) fn think(&mut self, number: usize, event: u64, now_us: u64, known: u64) {
        self.next += 1;
        let partition = self.random.below(PARTITIONS);
        let value = (number as u64 + 1) * 1_000_000_000 + self.next * 10;
        let ask = if is_of_app(partition) {
            self.ask_app(value)
        } else {
            self.ask(partition, value)
        };
        let gives_up = self.random.chance(200);
        self.pending = Some(Pending {
            partition,
            ask,
            asked: event,
            asked_us: now_us,
            given_up_us: if gives_up {
                now_us + PATIENCE_US
            } else {
                u64::MAX
            },
            call: None,
            known,
            key: Bytes::from(format!("client{number}-{}", self.next)),
        });
    }

    fn ask(&mut self, partition: u64, value: u64) -> Ask {
        let side = usize::from(self.random.chance(500));
        match self.random.below(100) {
            0..45 => Ask::Put {
                side,
                value,
                want: self.want(partition, side),
            },
            45..55 => Ask::Delete {
                side,
                want: self.want(partition, side),
            },
            55..80 => Ask::Get {
                side,
                local: self.random.chance(200),
            },
            _ => self.transaction(partition, value),
        }
    }

    /// The app knows neither conditions nor comparisons.
    fn ask_app(&mut self, value: u64) -> Ask {
        let side = usize::from(self.random.chance(500));
        let want = Want::Any;
        match self.random.below(100) {
            0..40 => Ask::Put { side, value, want },
            40..50 => Ask::Delete { side, want },
            50..80 => Ask::Get {
                side,
                local: self.random.chance(200),
            },
            _ => Ask::Transaction {
                compares: Vec::new(),
                steps: self.steps(value),
            },
        }
    }

    fn want(&mut self, partition: u64, side: usize) -> Want {
        match self.random.below(10) {
            0 | 1 => Want::Present,
            2 | 3 => Want::Absent,
            4..9 => match self.seen.get(&(partition, side)) {
                Some(Some((_, version))) if *version > 0 => Want::Version(*version),
                _ => Want::Any,
            },
            _ => Want::Any,
        }
    }

    fn transaction(&mut self, partition: u64, value: u64) -> Ask {
        let mut compares = Vec::new();
        for side in 0..2 {
            let seen = self.seen.get(&(partition, side)).copied().flatten();
            match (self.random.below(4), seen) {
                (0, Some((_, version))) if version > 0 => {
                    compares.push((side, Expected::Version(version)));
                }
                (1, Some((value, _))) => compares.push((side, Expected::Value(value))),
                (2, None) => compares.push((side, Expected::Version(0))),
                _ => {}
            }
        }
        Ask::Transaction {
            steps: self.steps(value),
            compares,
        }
    }

    fn steps(&mut self, value: u64) -> Vec<TxStep> {
        let reads_only = self.random.chance(250);
        let steps = (0..self.random.between(1, 4)).map(|at| {
            let side = usize::from(self.random.chance(500));
            match self.random.below(10) {
                _ if reads_only => TxStep::Get(side),
                0..5 => TxStep::Put(side, value + at + 1),
                5 => TxStep::Delete(side),
                _ => TxStep::Get(side),
            }
        });
        steps.collect()
    }

    /// The pending operation as a request.
    pub(crate) fn request(&self) -> Option<Request> {
        let pending = self.pending.as_ref()?;
        if is_of_app(pending.partition) {
            let call = app::call(pending.partition, &pending.ask, &pending.key);
            return Some(Request::App(apps::Request::Call(Box::new(call))));
        }
        let operation = operation(pending.partition, &pending.ask);
        let key = (!pending.ask.is_read()).then(|| pending.key.clone());
        Some(Request::Kv(Operate {
            operation,
            request: request_digest(&pending.key),
            wait: true,
            local: matches!(pending.ask, Ask::Get { local: true, .. }),
            receipt: true,
            idempotency: key,
        }))
    }

    /// Learns what stands where.
    pub(crate) fn learn(&mut self, partition: u64, ask: &Ask, told: &Told, seqno: Option<u64>) {
        let mut see = |side: usize, found: Option<Versioned>| {
            self.seen.insert((partition, side), found);
        };
        match (ask, told) {
            (Ask::Get { side, .. }, Told::Read(read)) => see(*side, *read),
            (Ask::Put { side, value, .. }, Told::Written) => {
                see(*side, seqno.map(|seqno| (*value, seqno)));
            }
            (Ask::Delete { side, .. }, Told::Written) => see(*side, None),
            (Ask::Transaction { steps, .. }, Told::Done(reads)) => {
                let gets = steps.iter().filter_map(|step| match step {
                    TxStep::Get(side) => Some(*side),
                    _ => None,
                });
                gets.zip(reads).for_each(|(side, read)| see(side, *read));
            }
            _ => {}
        }
    }
}

/// What a receipt binds of a request.
fn request_digest(key: &[u8]) -> Digest {
    sha256(&[b"sim request", key])
}

fn operation(partition: u64, ask: &Ask) -> Operation {
    let map = map_of(partition);
    let key = |side: usize| key_bytes(partition, side);
    match ask {
        Ask::Put { side, value, want } => Operation::Put {
            map,
            key: key(*side),
            value: value_bytes(partition, *value),
            condition: condition(*want),
        },
        Ask::Delete { side, want } => Operation::Delete {
            map,
            key: key(*side),
            condition: condition(*want),
        },
        Ask::Get { side, .. } => Operation::Get {
            map,
            key: key(*side),
        },
        Ask::Transaction { compares, steps } => Operation::Batch {
            compares: compares
                .iter()
                .map(|(side, expected)| Compare {
                    map: map.clone(),
                    key: key(*side),
                    expect: match expected {
                        Expected::Version(version) => Expect::Version(*version),
                        Expected::Value(value) => Expect::Value(value_bytes(partition, *value)),
                    },
                })
                .collect(),
            steps: steps
                .iter()
                .map(|step| match step {
                    TxStep::Put(side, value) => Step::Put {
                        map: map.clone(),
                        key: key(*side),
                        value: value_bytes(partition, *value),
                    },
                    TxStep::Delete(side) => Step::Delete {
                        map: map.clone(),
                        key: key(*side),
                    },
                    TxStep::Get(side) => Step::Get {
                        map: map.clone(),
                        key: key(*side),
                    },
                })
                .collect(),
        },
    }
}

fn condition(want: Want) -> Condition {
    match want {
        Want::Any => Condition::Always,
        Want::Present => Condition::Present,
        Want::Absent => Condition::Absent,
        Want::Version(version) => Condition::Version(version),
    }
}

/// An answer in the words of the checkers; none where it is no answer to such an operation.
pub(crate) fn told(answer: &Answer) -> Option<Told> {
    let read = |item: &Item| (value_of(&item.value), item.version);
    match answer {
        Answer::Written => Some(Told::Written),
        Answer::Found(item) => Some(Told::Read(Some(read(item)))),
        Answer::Missing => Some(Told::Read(None)),
        Answer::Batch(items) => Some(Told::Done(
            items.iter().map(|item| item.as_ref().map(read)).collect(),
        )),
        Answer::ConditionFailed { at, version } => Some(Told::Refused {
            at: *at,
            version: *version,
        }),
        Answer::Page { .. } => None,
    }
}
