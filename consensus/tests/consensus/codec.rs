//! The bytes of messages: what is written is read back, and nothing else is read.

use crate::cluster;

use bytes::Bytes;
use cluster::Random;
use synod_consensus::{
    BLOCK_BYTES_MAX, Body, Change, DecodeError, Entry, MESSAGE_BYTES_MAX, Message, Payload,
};

#[allow(
    clippy::too_many_lines,
    reason = "a flat list, one message of each kind"
)]
fn samples() -> Vec<Message> {
    let block = Bytes::from_static(b"some block");
    let payloads = [
        Payload::Empty,
        Payload::Block(block.clone()),
        Payload::Change {
            change: Change::AddLearner(300),
            block: block.clone(),
        },
        Payload::Change {
            change: Change::Promote(2),
            block: block.clone(),
        },
        Payload::Change {
            change: Change::Remove(1),
            block: block.clone(),
        },
        Payload::Change {
            change: Change::Demote(7),
            block,
        },
    ];
    let mut entries: Vec<Option<Entry>> = vec![None];
    entries.extend(payloads.into_iter().map(|payload| {
        Some(Entry {
            index: 8,
            term: 4,
            payload,
        })
    }));
    let mut bodies: Vec<Body> = entries
        .into_iter()
        .map(|entry| Body::Append {
            index: 7,
            log_term: 4,
            commit: 5,
            entry,
        })
        .collect();
    bodies.extend([
        Body::Accepted {
            index: u64::MAX,
            commit: 0,
        },
        Body::Rejected {
            index: 9,
            hint: 5,
            hint_term: 2,
            commit: 4,
        },
        Body::Vote {
            pre: true,
            last_index: 70_000,
            last_term: 3,
            transfer: false,
        },
        Body::VoteReply {
            pre: false,
            granted: true,
        },
        Body::Heartbeat {
            commit: 6,
            read: Some(u64::MAX),
        },
        Body::HeartbeatReply {
            commit: 6,
            read: None,
        },
        Body::TimeoutNow,
    ]);
    let message = |body| Message {
        from: 1,
        to: 2,
        term: 5,
        body,
    };
    bodies.into_iter().map(message).collect()
}

fn encoded(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

#[test]
fn every_kind_of_message_is_read_back_as_it_was_written() {
    for message in samples() {
        let bytes = Bytes::from(encoded(&message));
        assert_eq!(Message::decode(&bytes).unwrap(), message);
    }
}

#[test]
fn block_of_a_decoded_message_shares_the_message_memory() {
    let message = samples().remove(2);
    let bytes = Bytes::from(encoded(&message));
    let decoded = Message::decode(&bytes).unwrap();
    let block = decoded.entry().unwrap().payload.block().unwrap();
    assert!(bytes.as_ptr_range().contains(&block.as_ptr()));
}

#[test]
fn bytes_after_the_message_are_refused() {
    for message in samples() {
        let mut bytes = encoded(&message);
        bytes.push(0);
        let refused = Message::decode(&bytes.into()).unwrap_err();
        assert!(matches!(refused, DecodeError::Trailing(1)), "{refused}");
    }
}

#[test]
fn message_cut_short_anywhere_is_refused() {
    for message in samples() {
        let bytes = encoded(&message);
        for length in 0..bytes.len() {
            let cut = Bytes::copy_from_slice(&bytes[..length]);
            assert!(Message::decode(&cut).is_err(), "{message:?} at {length}");
        }
    }
}

#[test]
fn length_that_the_input_does_not_have_is_refused_without_allocating_it() {
    // An append whose block claims 2^40 bytes.
    let mut bytes = vec![0x88, 0, 1, 2, 5, 7, 4, 5, 0x83, 8, 4, 0x5b];
    bytes.extend((1_u64 << 40).to_be_bytes());
    assert!(Message::decode(&bytes.into()).is_err());
}

#[test]
fn block_of_no_bytes_is_refused() {
    let bytes = [0x88, 0, 1, 2, 5, 7, 4, 5, 0x83, 8, 4, 0x40];
    assert!(Message::decode(&Bytes::copy_from_slice(&bytes)).is_err());
}

#[test]
fn unknown_kinds_and_wrong_lengths_are_refused() {
    let cases: [&[u8]; 7] = [
        &[0x84, 8, 1, 2, 5],       // no kind 8: no snapshots, no proposals
        &[0x85, 7, 1, 2, 5, 0],    // one field too many
        &[0x83, 7, 1, 2],          // too few
        &[0x9f, 7, 1, 2, 5, 0xff], // indefinite length
        &[0x86, 4, 1, 2, 5, 0xf5], // half a vote
        &[0x84, 7, 0x20, 2, 5],    // a negative sender
        &[0xa0],                   // a map
    ];
    for bytes in cases {
        assert!(
            Message::decode(&Bytes::copy_from_slice(bytes)).is_err(),
            "{bytes:x?}"
        );
    }
}

#[test]
fn message_longer_than_the_limit_is_refused_before_it_is_read() {
    let bytes = Bytes::from(vec![0; MESSAGE_BYTES_MAX + 1]);
    assert!(matches!(
        Message::decode(&bytes),
        Err(DecodeError::TooLong(_))
    ));
}

#[test]
fn largest_block_fits() {
    let mut message = samples().remove(2);
    if let Body::Append { entry, .. } = &mut message.body {
        let block = Bytes::from(vec![7; BLOCK_BYTES_MAX]);
        entry.as_mut().unwrap().payload = Payload::Block(block);
    }
    let bytes = Bytes::from(encoded(&message));
    assert_eq!(Message::decode(&bytes).unwrap(), message);
}

#[test]
fn mutated_messages_never_panic_and_what_is_read_can_be_written() {
    let mut random = Random::new(42);
    let samples: Vec<Vec<u8>> = samples().iter().map(encoded).collect();
    for _ in 0..10_000 {
        let pick = usize::try_from(random.next()).unwrap() % samples.len();
        let mut bytes = samples[pick].clone();
        for _ in 0..=random.between((0, 3)) {
            let at = usize::try_from(random.next()).unwrap() % bytes.len();
            bytes[at] = random.next().to_le_bytes()[0];
        }
        if let Ok(message) = Message::decode(&bytes.into()) {
            let again = Bytes::from(encoded(&message));
            assert_eq!(Message::decode(&again).unwrap(), message);
        }
    }
}
