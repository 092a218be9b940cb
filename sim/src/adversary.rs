//! A replica that the adversary runs: it knows the replica's keys and memory, and sends whatever it
//! likes to the others.
//!
//! The product's code runs inside, so that the replica takes part and may even lead; what it says
//! to others is twisted on its way out, and more is invented. The channel vouches for its sender,
//! so all of it comes in its own name.
//!
//! What only rules can bear that are not there yet is done by [`Broken::Unbearable`] alone: terms
//! that nobody earned, logs that it claims and does not have, votes for everybody.

use bytes::Bytes;
use synod_consensus::{Body, Message, Payload};
use synod_crypto::{Digest, Signature, SigningKey};
use synod_governance::{BlockRef, UnheardStatement};
use synod_ledger::{BlockSignature, Certificate, Head, Header};
use synod_replica::{Envelope, ReadWord, UnheardWord};

use crate::profile::Broken;
use crate::random::Random;

/// Numbers in messages stay below this; the adversary likes what is next to it.
const NUMBER_MAX: u64 = 1 << 62;
/// Old messages of its own, to send again to anybody.
const KEPT_MAX: usize = 500;
/// So many of a thousand messages are twisted.
const TWISTS: u64 = 150;

/// What the adversary knows.
pub(crate) struct Adversary {
    kind: Broken,
    pub(crate) random: Random,
    kept: Vec<Envelope>,
}

/// What an invention is made from: what the replica itself knows.
pub(crate) struct Knowledge {
    pub(crate) network: Digest,
    pub(crate) id: u64,
    pub(crate) key: SigningKey,
    pub(crate) term: u64,
    pub(crate) last_index: u64,
    pub(crate) certified: Head,
    /// A header of its own chain, and the newest certificate.
    pub(crate) header: Option<Header>,
    pub(crate) certificate: Option<Certificate>,
    /// The key of the founder, the digest of the configuration in which it votes alone, and whether
    /// that has ended.
    pub(crate) founder: SigningKey,
    pub(crate) founding: Digest,
    pub(crate) founded_long_ago: bool,
}

impl Adversary {
    pub(crate) fn new(kind: Broken, random: Random) -> Self {
        Self {
            kind,
            random,
            kept: Vec::new(),
        }
    }

    /// What goes out in place of an honest message.
    pub(crate) fn twist(&mut self, to: u64, envelope: Envelope) -> Vec<(u64, Envelope)> {
        if self.kept.len() < KEPT_MAX {
            self.kept.push(envelope.clone());
        }
        if !self.random.chance(TWISTS) {
            return vec![(to, envelope)];
        }
        let mut twisted = envelope.clone();
        match self.random.below(10) {
            0 => return Vec::new(),
            1 => return vec![(to, envelope.clone()), (to, envelope)],
            2 => self.strip(&mut twisted),
            3 => self.forge_signature(&mut twisted),
            4 => twisted.certificate = Some(self.junk(300)),
            5 => self.spoil_certificate(&mut twisted),
            _ => self.twist_message(&mut twisted),
        }
        // Sometimes the honest message goes out as well.
        let mut sent = vec![(to, twisted)];
        if self.random.chance(500) {
            sent.push((to, envelope));
        }
        sent
    }

    fn junk(&mut self, length_max: u64) -> Bytes {
        let length = self.random.below(length_max);
        (0..length).map(|_| self.random.number() as u8).collect()
    }

    fn strip(&mut self, envelope: &mut Envelope) {
        match self.random.below(5) {
            0 => envelope.certificate = None,
            1 => envelope.signature = None,
            2 => envelope.tail = None,
            3 => envelope.reading = None,
            _ => envelope.header = None,
        }
    }

    fn forge_signature(&mut self, envelope: &mut Envelope) {
        let mut forged = [0; 64];
        forged.fill_with(|| self.random.number() as u8);
        if let Some(signature) = &mut envelope.signature {
            if self.random.chance(500) {
                signature.signature = Signature::from(forged);
            } else {
                signature.signer = self.random.between(1, 8);
            }
        }
    }

    /// Signatures twice, in another order, too few, or for another place.
    fn spoil_certificate(&mut self, envelope: &mut Envelope) {
        let decoded = envelope
            .certificate
            .as_ref()
            .map(|bytes| Certificate::decode(bytes));
        let Some(Ok(mut certificate)) = decoded else {
            return;
        };
        match self.random.below(6) {
            0 => {
                let first = certificate.signatures[0];
                certificate.signatures.push(first);
            }
            5 => {
                // One signer instead of a quorum.
                let first = certificate.signatures[0];
                certificate.signatures.fill(first);
            }
            1 => certificate.signatures.reverse(),
            2 => certificate.signatures.truncate(1),
            3 => certificate.index = self.near_a_bound(certificate.index),
            _ => certificate.view = self.near_a_bound(certificate.view),
        }
        envelope.certificate = Some(certificate.encode());
    }

    /// A number next to a bound or to another number.
    fn near_a_bound(&mut self, number: u64) -> u64 {
        let numbers = [
            0,
            1,
            number.saturating_sub(1),
            number.saturating_add(1),
            number.saturating_add(1000),
            NUMBER_MAX - 1,
            NUMBER_MAX,
            u64::MAX,
        ];
        self.random.pick(&numbers).expect("one of eight")
    }

    /// A term that honest replicas must refuse or see as past; one that nobody earned only beyond
    /// what is bearable.
    fn term(&mut self, term: u64) -> u64 {
        let refused = [
            0,
            1,
            term.saturating_sub(1),
            term,
            NUMBER_MAX,
            NUMBER_MAX + 1,
            u64::MAX,
        ];
        let unearned = [term + 1, term + 2, term + 1_000, NUMBER_MAX - 1];
        let unbearable = self.kind == Broken::Unbearable && self.random.chance(300);
        let from: &[u64] = if unbearable { &unearned } else { &refused };
        self.random.pick(from).expect("one of several")
    }

    fn twist_message(&mut self, envelope: &mut Envelope) {
        let Some(mut message) = envelope.message.take() else {
            return;
        };
        match self.random.below(4) {
            0 => message.term = self.term(message.term),
            1 => message.from = self.random.between(1, 8),
            _ => self.twist_body(&mut message.body),
        }
        envelope.message = Some(message);
    }

    fn twist_body(&mut self, body: &mut Body) {
        match body {
            Body::Append {
                index,
                commit,
                log_term,
                entry,
            } => match self.random.below(5) {
                0 => *commit = self.near_a_bound(*index),
                1 => *index = self.near_a_bound(*index),
                2 => *log_term = self.near_a_bound(*log_term),
                _ => {
                    let Some(entry) = entry else { return };
                    self.twist_entry(entry);
                }
            },
            Body::Accepted { index, commit } => match self.random.below(2) {
                // What it does not hold it may claim to hold only beyond the leader's log, or
                // without a signature.
                0 => *index = index.saturating_add(self.random.between(1, 100)),
                _ => *commit = self.near_a_bound(*commit),
            },
            Body::Rejected {
                index,
                hint,
                hint_term,
                ..
            } => match self.random.below(3) {
                0 => *index = self.near_a_bound(*index),
                1 => *hint = self.near_a_bound(*hint),
                _ => *hint_term = self.near_a_bound(*hint_term),
            },
            Body::Vote {
                last_index,
                last_term,
                ..
            } if self.kind == Broken::Unbearable => {
                (*last_index, *last_term) = (NUMBER_MAX - 1, *last_term);
            }
            Body::VoteReply { granted, .. } if self.kind == Broken::Unbearable => *granted = true,
            Body::Heartbeat { commit, read } | Body::HeartbeatReply { commit, read } => {
                *commit = self.near_a_bound(*commit);
                *read = self
                    .random
                    .chance(300)
                    .then(|| self.random.below(100))
                    .or(*read);
            }
            Body::Vote { .. } | Body::VoteReply { .. } | Body::TimeoutNow => {}
        }
    }

    /// A block that no honest leader sends: changed bytes, another place, or no block at all.
    fn twist_entry(&mut self, entry: &mut synod_consensus::Entry) {
        let Some(block) = entry.payload.block() else {
            return;
        };
        let mut changed = block.to_vec();
        match self.random.below(4) {
            0 => {
                let at = self.random.below(changed.len() as u64) as usize;
                changed[at] ^= 1 << self.random.below(8);
            }
            1 => changed.truncate(changed.len() / 2),
            2 => entry.index = self.near_a_bound(entry.index),
            _ => changed = self.junk(200).to_vec(),
        }
        if !changed.is_empty() {
            entry.payload = Payload::Block(changed.into());
        }
    }

    /// Something that was never asked for.
    pub(crate) fn invent(&mut self, to: u64, known: &Knowledge) -> Envelope {
        let empty = Envelope::default();
        match self.random.below(12) {
            11 => self.superseded_block(known),
            0 => Envelope {
                submission: Some(self.junk(4096)),
                ..empty
            },
            1 => Envelope {
                unheard: self.false_statements(known).into(),
                ..empty
            },
            2 => Envelope {
                read: Some(Box::new(ReadWord::Ask {
                    ask: self.random.number(),
                })),
                ..empty
            },
            3 => Envelope {
                read: Some(Box::new(ReadWord::Index {
                    ask: self.random.below(200),
                    index: self.near_a_bound(known.certified.index),
                })),
                ..empty
            },
            4 => Envelope {
                refusal: Some("because the adversary says so".to_owned()),
                ..empty
            },
            5 | 6 => self.foreign_block(known),
            7 => self.random.pick(&self.kept).unwrap_or_default(),
            _ => Envelope {
                message: Some(Message {
                    from: known.id,
                    to,
                    term: self.term(known.term),
                    body: self.body(known),
                }),
                ..empty
            },
        }
    }

    fn body(&mut self, known: &Knowledge) -> Body {
        let index = self.near_a_bound(known.last_index);
        match self.random.below(7) {
            0 => Body::Heartbeat {
                commit: index,
                read: None,
            },
            1 => Body::HeartbeatReply {
                commit: index,
                read: Some(self.random.below(100)),
            },
            2 => Body::TimeoutNow,
            3 => Body::Accepted { index, commit: 0 },
            4 => Body::Rejected {
                index,
                hint: self.near_a_bound(index),
                hint_term: self.near_a_bound(known.term),
                commit: 0,
            },
            5 => Body::Vote {
                pre: true,
                last_index: known.last_index,
                last_term: known.term,
                transfer: self.random.chance(500),
            },
            _ => Body::VoteReply {
                pre: self.random.chance(500),
                granted: self.kind == Broken::Unbearable,
            },
        }
    }

    /// It says, signed, that it has not heard others for long.
    fn false_statements(&mut self, known: &Knowledge) -> Vec<UnheardWord> {
        let block = BlockRef {
            index: known.certified.index,
            hash: known.certified.hash,
        };
        let about = self.random.between(1, 8);
        let for_ms = self.near_a_bound(60_000);
        let statement =
            UnheardStatement::sign(&known.network, about, known.id, block, for_ms, &known.key);
        vec![UnheardWord { about, statement }]
    }

    /// Another history, under the configuration in which the founder's key alone is a quorum, once
    /// that has ended.
    fn superseded_block(&mut self, known: &Knowledge) -> Envelope {
        let Some(header) = known.header.as_ref().filter(|_| known.founded_long_ago) else {
            return Envelope::default();
        };
        let mut header = header.clone();
        (header.configuration, header.root) = (known.founding, Digest::from([8; 32]));
        if self.random.chance(300) {
            header.view = self.near_a_bound(header.view);
        }
        let bytes = header.encode();
        let Ok((_, head)) = Head::of_bytes(&bytes) else {
            return Envelope::default();
        };
        let certificate = Certificate {
            header_hash: head.hash,
            view: head.view,
            index: head.index,
            signatures: vec![BlockSignature::sign(
                &known.founder,
                1,
                &known.network,
                &head,
            )],
        };
        Envelope {
            certificate: Some(certificate.encode()),
            header: Some(bytes),
            ..Envelope::default()
        }
    }

    /// Another history, signed by its own key alone: of another view, of another proposer, under an
    /// old configuration.
    fn foreign_block(&mut self, known: &Knowledge) -> Envelope {
        let (Some(header), Some(newest)) = (&known.header, &known.certificate) else {
            return Envelope::default();
        };
        let mut header = header.clone();
        match self.random.below(5) {
            0 => header.root = Digest::from([9; 32]),
            1 => header.view = self.near_a_bound(header.view),
            2 => header.proposer = self.random.between(1, 8),
            3 => header.index = self.near_a_bound(header.index),
            _ => header.time_ms = self.near_a_bound(header.time_ms),
        }
        let bytes = header.encode();
        let Ok((_, head)) = Head::of_bytes(&bytes) else {
            return Envelope::default();
        };
        let own = BlockSignature::sign(&known.key, known.id, &known.network, &head);
        // Its own signature is genuine; those of others are over another block.
        let others = newest
            .signatures
            .iter()
            .filter(|signature| signature.signer != known.id);
        let mut signatures: Vec<BlockSignature> = others.copied().chain([own]).collect();
        signatures.sort_by_key(|signature| signature.signer);
        let certificate = Certificate {
            header_hash: head.hash,
            view: head.view,
            index: head.index,
            signatures,
        };
        Envelope {
            certificate: Some(certificate.encode()),
            header: Some(bytes),
            ..Envelope::default()
        }
    }
}
