//! Mutations of a set: what a hostile host might do to evidence, endorsements
//! and clock.

use rand_chacha::ChaCha12Rng;
use rand_core::RngCore;

use crate::sets::Set;

/// Draws a set and mutates it once or twice; `others` lend their parts.
pub fn draw(random: &mut ChaCha12Rng, others: &[Set]) -> Set {
    let mut set = others[below(random, others.len())].clone();
    for _ in 0..=below(random, 2) {
        mutate(random, &mut set, others);
    }
    set
}

fn mutate(random: &mut ChaCha12Rng, set: &mut Set, others: &[Set]) {
    match below(random, 16) {
        0 => {}
        1..=4 => bytes(random, &mut set.evidence),
        5 => set.evidence = others[below(random, others.len())].evidence.clone(),
        6 | 7 => swap_part(random, set, others),
        8..=12 => part(random, set),
        _ => set.now_ms = moved(random, set.now_ms),
    }
}

fn swap_part(random: &mut ChaCha12Rng, set: &mut Set, others: &[Set]) {
    if set.parts.is_empty() {
        return;
    }
    let index = below(random, set.parts.len());
    let name = set.parts[index].0.clone();
    let other = &others[below(random, others.len())];
    set.parts[index].1 = other.part(&name).to_vec();
}

fn part(random: &mut ChaCha12Rng, set: &mut Set) {
    if set.parts.is_empty() {
        return bytes(random, &mut set.evidence);
    }
    let index = below(random, set.parts.len());
    bytes(random, &mut set.parts[index].1);
}

/// One change of bytes: of a bit, a byte, a range, or the length.
fn bytes(random: &mut ChaCha12Rng, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return bytes.push(random.next_u32() as u8);
    }
    let at = below(random, bytes.len());
    match below(random, 8) {
        0..=2 => bytes[at] ^= 1 << below(random, 8),
        3 => bytes[at] = random.next_u32() as u8,
        4 => bytes.truncate(at),
        5 => bytes.extend(vec![0; 1 + below(random, 8)]),
        6 => bytes.insert(at, random.next_u32() as u8),
        _ => {
            let end = (at + 1 + below(random, 8)).min(bytes.len());
            bytes.drain(at..end);
        }
    }
}

/// Another time: a little off, or years.
fn moved(random: &mut ChaCha12Rng, now_ms: u64) -> u64 {
    const DAY_MS: u64 = 24 * 3600 * 1000;
    let by = [
        DAY_MS,
        10 * DAY_MS,
        40 * DAY_MS,
        400 * DAY_MS,
        4000 * DAY_MS,
    ];
    let by = by[below(random, by.len())] + u64::from(random.next_u32()) % DAY_MS;
    if random.next_u32() & 1 == 0 {
        now_ms.saturating_add(by)
    } else {
        now_ms.saturating_sub(by)
    }
}

fn below(random: &mut ChaCha12Rng, bound: usize) -> usize {
    random.next_u32() as usize % bound.max(1)
}
