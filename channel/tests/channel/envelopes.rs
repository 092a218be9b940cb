//! Envelopes are read in exactly one form, and each is taken once, from the
//! right sender, in order.

use bytes::{BufMut, Bytes};
use synod_channel::{
    FRAME_MAX, FrameError, FrameRefused, Framer, OVERHEAD_MAX, PeerFrame, PeerReceiver, PeerSender,
};
use synod_crypto::Digest;

const NETWORK: Digest = Digest::ZERO;

fn frame(counter: u64) -> PeerFrame {
    PeerFrame {
        network: NETWORK,
        from: 1,
        to: 2,
        counter,
        body: Bytes::from_static(b"append"),
    }
}

/// The envelope without the length before it.
fn bytes(frame: &PeerFrame) -> Bytes {
    frame.encode().expect("short").slice(4..)
}

#[test]
fn envelope_is_what_the_specification_says_byte_for_byte() {
    let expected = [
        &[0, 0, 0, 47, 0x86, 0x01, 0x58, 0x20][..],
        NETWORK.as_bytes(),
        &[0x01, 0x02, 0x19, 0x01, 0x00],
        &[0x46],
        b"append",
    ]
    .concat();
    let mut expected = expected;
    expected[3] = (expected.len() - 4) as u8;
    assert_eq!(frame(256).encode().expect("short"), expected);
    assert_eq!(PeerFrame::decode(&bytes(&frame(256))), Ok(frame(256)));
}

#[test]
fn longest_head_keeps_within_the_stated_overhead() {
    let widest = PeerFrame {
        from: u64::MAX,
        to: u64::MAX,
        counter: u64::MAX,
        ..frame(1)
    };
    assert!(bytes(&widest).len() <= OVERHEAD_MAX + widest.body.len());
    assert_eq!(PeerFrame::decode(&bytes(&widest)), Ok(widest));
}

#[test]
fn envelope_with_bytes_missing_or_left_over_is_refused() {
    let whole = bytes(&frame(1));
    for length in 0..whole.len() {
        assert!(PeerFrame::decode(&whole.slice(..length)).is_err());
    }
    let longer = Bytes::from([&whole[..], &[0]].concat());
    assert_eq!(PeerFrame::decode(&longer), Err(FrameError::Malformed));
}

#[test]
fn envelope_in_another_encoding_is_refused() {
    let whole = bytes(&frame(1));
    // The sender's id, 1, as one byte more than it needs.
    let wide = [&whole[..36], &[0x18, 0x01], &whole[37..]].concat();
    assert_eq!(
        PeerFrame::decode(&wide.into()),
        Err(FrameError::NotCanonical)
    );
    // A body in pieces.
    let head = &whole[..whole.len() - 7];
    let pieces = [head, &[0x5f, 0x46], b"append", &[0xff]].concat();
    assert!(PeerFrame::decode(&pieces.into()).is_err());
}

#[test]
fn envelope_of_another_version_or_shape_is_refused() {
    for (position, byte) in [(1, 0x02), (0, 0x85), (0, 0x87), (3, 0x1f)] {
        let mut changed = bytes(&frame(1)).to_vec();
        changed[position] = byte;
        assert_eq!(
            PeerFrame::decode(&changed.into()),
            Err(FrameError::Malformed)
        );
    }
}

#[test]
fn envelopes_longer_than_the_limit_are_neither_written_nor_read() {
    let long = |length: usize| PeerFrame {
        body: vec![0; length].into(),
        ..frame(1)
    };
    let fitting = long(FRAME_MAX - OVERHEAD_MAX).encode().expect("fits");
    let mut framer = Framer::default();
    framer.push(&fitting);
    assert!(matches!(framer.take(), Ok(Some(_))));
    assert!(matches!(
        long(FRAME_MAX).encode(),
        Err(FrameError::TooLong { .. })
    ));
    let too_long = Bytes::from(vec![0; FRAME_MAX + 1]);
    assert!(matches!(
        PeerFrame::decode(&too_long),
        Err(FrameError::TooLong { .. })
    ));
}

#[test]
fn stream_gives_the_same_envelopes_however_it_is_cut() {
    let frames: Vec<PeerFrame> = (1..=5).map(frame).collect();
    let stream: Vec<u8> = frames
        .iter()
        .flat_map(|frame| frame.encode().expect("short"))
        .collect();
    for size in 1..stream.len() {
        let mut framer = Framer::new(FRAME_MAX);
        let mut found = Vec::new();
        for piece in stream.chunks(size) {
            framer.push(piece);
            while let Some(frame) = framer.take().expect("sound") {
                found.push(frame);
            }
        }
        assert_eq!(found, frames);
    }
}

#[test]
fn stream_that_announces_too_long_an_envelope_is_refused_before_it_comes() {
    let mut framer = Framer::new(1000);
    framer.push(&1001_u32.to_be_bytes());
    assert_eq!(
        framer.take(),
        Err(FrameError::TooLong {
            length: 1001,
            max: 1000
        })
    );
    let mut framer = Framer::new(usize::MAX);
    framer.buffer().put_u32(u32::MAX);
    assert!(framer.take().is_err(), "the limit cannot be lifted");
}

#[test]
fn changed_envelopes_do_not_panic_and_read_back_as_themselves() {
    let whole = bytes(&frame(77)).to_vec();
    let mut state = 7_u32;
    for _ in 0..10_000 {
        let mut changed = whole.clone();
        for _ in 0..2 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let position = (state >> 8) as usize % changed.len();
            changed[position] = state as u8;
        }
        let changed = Bytes::from(changed);
        if let Ok(frame) = PeerFrame::decode(&changed) {
            assert_eq!(bytes(&frame), changed);
        }
    }
}

#[test]
fn lane_takes_what_its_sender_wrapped_in_order() {
    let mut sender = PeerSender::new(NETWORK, 1, 2);
    let mut receiver = PeerReceiver::new(NETWORK, 1, 2);
    for body in ["one", "two", "three"] {
        let taken = receiver.unwrap(sender.wrap(Bytes::from(body)));
        assert_eq!(taken, Ok(Bytes::from(body)));
    }
}

#[test]
fn lane_takes_later_messages_after_a_loss() {
    let mut receiver = PeerReceiver::new(NETWORK, 1, 2);
    assert!(receiver.unwrap(frame(3)).is_ok());
    assert!(receiver.unwrap(frame(9)).is_ok());
}

#[test]
fn lane_refuses_a_message_that_came_before_or_is_older() {
    let mut receiver = PeerReceiver::new(NETWORK, 1, 2);
    assert!(receiver.unwrap(frame(5)).is_ok());
    for counter in [5, 4, 1, 0] {
        let refused = Err(FrameRefused::Replayed {
            newest: 5,
            found: counter,
        });
        assert_eq!(receiver.unwrap(frame(counter)), refused);
    }
    assert!(receiver.unwrap(frame(6)).is_ok());
}

#[test]
fn lane_refuses_counter_zero_at_its_start() {
    let mut receiver = PeerReceiver::new(NETWORK, 1, 2);
    assert!(receiver.unwrap(frame(0)).is_err());
}

#[test]
fn lane_refuses_another_network_sender_or_receiver() {
    let mut receiver = PeerReceiver::new(NETWORK, 1, 2);
    let network = Digest::from([1; 32]);
    let frames = [
        (
            PeerFrame {
                network,
                ..frame(1)
            },
            FrameRefused::WrongNetwork { found: network },
        ),
        (
            PeerFrame {
                from: 3,
                ..frame(1)
            },
            FrameRefused::WrongSender {
                expected: 1,
                found: 3,
            },
        ),
        (
            PeerFrame { to: 3, ..frame(1) },
            FrameRefused::WrongReceiver {
                expected: 2,
                found: 3,
            },
        ),
    ];
    for (frame, refused) in frames {
        assert_eq!(receiver.unwrap(frame), Err(refused));
    }
    assert!(receiver.unwrap(frame(1)).is_ok(), "refusals change nothing");
}
