//! Random numbers of the host, fetched many at a time.

use synod_app::random;

use crate::noise::Entropy;

/// Bytes that one question to the host brings.
const FETCHED_BYTES: u32 = 2048;

/// Random numbers of this call.
pub(crate) struct Draws {
    left: std::vec::IntoIter<u8>,
}

impl Draws {
    /// None fetched yet.
    pub(crate) fn new() -> Self {
        Draws {
            left: Vec::new().into_iter(),
        }
    }
}

impl Entropy for Draws {
    fn next(&mut self) -> u64 {
        if self.left.len() == 0 {
            self.left = random::bytes(FETCHED_BYTES).into_iter();
        }
        let bytes = self.left.by_ref().take(8);
        bytes.fold(0, |number, byte| number << 8 | u64::from(byte))
    }
}
