//! A key as the tables hold it: short keys lie within the nodes of the tree.
//!
//! A search compares some thirty keys. Following a pointer for each of them
//! costs more than all the rest of a write, so keys up to [`INLINE_MAX`] bytes
//! are stored in place.

use std::borrow::Borrow;
use std::cmp::Ordering;

use bytes::Bytes;

/// Longest key stored in place; chosen so that a key takes 40 bytes either way.
const INLINE_MAX: usize = 38;

/// The bytes of a key, ordered as bytes.
#[derive(Clone, Debug)]
pub(crate) enum Key {
    Short { length: u8, bytes: [u8; INLINE_MAX] },
    Long(Bytes),
}

impl Key {
    pub(crate) fn new(key: &Bytes) -> Self {
        if key.len() > INLINE_MAX {
            return Self::Long(key.clone());
        }
        let mut bytes = [0; INLINE_MAX];
        bytes[..key.len()].copy_from_slice(key);
        Self::Short {
            length: key.len() as u8,
            bytes,
        }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Short { length, bytes } => &bytes[..usize::from(*length)],
            Self::Long(bytes) => bytes,
        }
    }

    /// The key for whoever reads it; a short one is copied.
    pub(crate) fn to_bytes(&self) -> Bytes {
        match self {
            Self::Short { .. } => Bytes::copy_from_slice(self.as_slice()),
            Self::Long(bytes) => bytes.clone(),
        }
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        self.as_slice()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_keys_order_as_their_bytes() {
        let texts = [
            vec![],
            vec![0],
            vec![1; 37],
            vec![1; 38],
            vec![1; 39],
            vec![1; 512],
            vec![2],
        ];
        let keys: Vec<_> = texts
            .iter()
            .map(|text| Key::new(&Bytes::from(text.clone())))
            .collect();
        assert!(keys.is_sorted_by(|a, b| a < b));
        for (key, text) in keys.iter().zip(&texts) {
            assert_eq!(
                (key.as_slice(), key.to_bytes().as_ref()),
                (&text[..], &text[..])
            );
        }
        assert_eq!(std::mem::size_of::<Key>(), 40);
    }
}
