//! Keys as bytes whose order is that of the keys.
//!
//! * Text and byte strings are their own bytes; numbers are big-endian.
//! * A tuple is its parts, one after the other. In all parts but the last, text and byte strings end with `00 00`, and
//!   a zero byte in them is written `00 ff`.
//! * [`Reverse`] turns a number's order: the newest comes first.

use std::cmp::Reverse;

/// What a map's keys may be.
pub trait Key: KeyOf<Self> + Sized {
    /// Reads a key from the front of `bytes`; a last part takes them all.
    fn read(bytes: &mut &[u8], last: bool) -> Option<Self>;
}

/// What is written as a key of type `K` is: `K` itself, or what it is borrowed as.
pub trait KeyOf<K> {
    /// Writes it at the end of `out`.
    fn write(&self, out: &mut Vec<u8>, last: bool);
}

/// What keys of type `K` may begin with: text, the first parts of a tuple, or `()` for all.
pub trait PrefixOf<K> {
    /// Writes it at the end of `out`.
    fn write_prefix(&self, out: &mut Vec<u8>);
}

impl<K, T: KeyOf<K> + ?Sized> KeyOf<K> for &T {
    fn write(&self, out: &mut Vec<u8>, last: bool) {
        (**self).write(out, last);
    }
}

impl<K> PrefixOf<K> for () {
    fn write_prefix(&self, _: &mut Vec<u8>) {}
}

impl<K, T: PrefixOf<K> + ?Sized> PrefixOf<K> for &T {
    fn write_prefix(&self, out: &mut Vec<u8>) {
        (**self).write_prefix(out);
    }
}

macro_rules! byte_string {
    ($owned:ty, $borrowed:ty, $from:expr) => {
        impl Key for $owned {
            fn read(bytes: &mut &[u8], last: bool) -> Option<Self> {
                read_bytes(bytes, last).and_then($from)
            }
        }

        impl KeyOf<$owned> for $owned {
            fn write(&self, out: &mut Vec<u8>, last: bool) {
                write_bytes(self.as_ref(), out, last);
            }
        }

        impl KeyOf<$owned> for $borrowed {
            fn write(&self, out: &mut Vec<u8>, last: bool) {
                write_bytes(self.as_ref(), out, last);
            }
        }

        impl PrefixOf<$owned> for $borrowed {
            fn write_prefix(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(self.as_ref());
            }
        }

        impl PrefixOf<$owned> for $owned {
            fn write_prefix(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(self.as_ref());
            }
        }
    };
}

byte_string!(String, str, |bytes| String::from_utf8(bytes).ok());
byte_string!(Vec<u8>, [u8], Some);

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>, last: bool) {
    if last {
        out.extend_from_slice(bytes);
        return;
    }
    for &byte in bytes {
        out.push(byte);
        if byte == 0 {
            out.push(0xff);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

fn read_bytes(bytes: &mut &[u8], last: bool) -> Option<Vec<u8>> {
    if last {
        return Some(std::mem::take(bytes).to_vec());
    }
    let mut read = Vec::new();
    loop {
        let (&first, rest) = bytes.split_first()?;
        *bytes = rest;
        if first == 0 {
            let (&second, rest) = bytes.split_first()?;
            *bytes = rest;
            match second {
                0 => return Some(read),
                0xff => {}
                _ => return None,
            }
        }
        read.push(first);
    }
}

impl<const N: usize> Key for [u8; N] {
    fn read(bytes: &mut &[u8], _: bool) -> Option<Self> {
        let (own, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        Some(*own)
    }
}

impl<const N: usize> KeyOf<[u8; N]> for [u8; N] {
    fn write(&self, out: &mut Vec<u8>, _: bool) {
        out.extend_from_slice(self);
    }
}

macro_rules! numbers {
    ($($number:ty)+) => {$(
        impl Key for $number {
            fn read(bytes: &mut &[u8], last: bool) -> Option<Self> {
                Key::read(bytes, last).map(Self::from_be_bytes)
            }
        }

        impl KeyOf<$number> for $number {
            fn write(&self, out: &mut Vec<u8>, _: bool) {
                out.extend_from_slice(&self.to_be_bytes());
            }
        }

        impl Key for Reverse<$number> {
            fn read(bytes: &mut &[u8], last: bool) -> Option<Self> {
                <$number>::read(bytes, last).map(|number| Self(!number))
            }
        }

        impl KeyOf<Reverse<$number>> for Reverse<$number> {
            fn write(&self, out: &mut Vec<u8>, last: bool) {
                (!self.0).write(out, last);
            }
        }
    )+};
}

numbers!(u8 u16 u32 u64 u128);

macro_rules! tuple {
    ($($own:ident $key:ident),+; $last_own:ident $last_key:ident) => {
        impl<$($key: Key,)+ $last_key: Key> Key for ($($key,)+ $last_key) {
            fn read(bytes: &mut &[u8], last: bool) -> Option<Self> {
                Some(($($key::read(bytes, false)?,)+ $last_key::read(bytes, last)?))
            }
        }

        #[allow(non_snake_case)]
        impl<$($key, $own: KeyOf<$key>,)+ $last_key, $last_own: KeyOf<$last_key>>
            KeyOf<($($key,)+ $last_key)> for ($($own,)+ $last_own)
        {
            fn write(&self, out: &mut Vec<u8>, last: bool) {
                let ($($own,)+ $last_own) = self;
                $($own.write(out, false);)+
                $last_own.write(out, last);
            }
        }

        #[allow(non_snake_case)]
        impl<$($key, $own: KeyOf<$key>,)+ $last_key>
            PrefixOf<($($key,)+ $last_key)> for ($($own,)+)
        {
            fn write_prefix(&self, out: &mut Vec<u8>) {
                let ($($own,)+) = self;
                $($own.write(out, false);)+
            }
        }
    };
}

tuple!(A J; B K);
tuple!(A J, B K; C L);
tuple!(A J, B K, C L; D M);

impl<J, K, L, A: KeyOf<J>> PrefixOf<(J, K, L)> for (A,) {
    fn write_prefix(&self, out: &mut Vec<u8>) {
        self.0.write(out, false);
    }
}

impl<J, K, L, M, A: KeyOf<J>> PrefixOf<(J, K, L, M)> for (A,) {
    fn write_prefix(&self, out: &mut Vec<u8>) {
        self.0.write(out, false);
    }
}

impl<J, K, L, M, A: KeyOf<J>, B: KeyOf<K>> PrefixOf<(J, K, L, M)> for (A, B) {
    fn write_prefix(&self, out: &mut Vec<u8>) {
        self.0.write(out, false);
        self.1.write(out, false);
    }
}

/// The whole key.
pub(crate) fn written<K>(key: &impl KeyOf<K>) -> Vec<u8> {
    let mut out = Vec::new();
    key.write(&mut out, true);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept<K: Key + PartialEq + std::fmt::Debug>(key: &K) {
        let bytes = written::<K>(key);
        let mut rest = bytes.as_slice();
        assert_eq!(K::read(&mut rest, true).as_ref(), Some(key));
        assert!(rest.is_empty());
    }

    #[test]
    fn keys_come_back_as_they_were() {
        kept(&"plain".to_owned());
        kept(&("with \0 zero".to_owned(), 7_u64));
        kept(&(vec![0, 0xff, 0], vec![0, 0], Reverse(3_u32)));
        kept(&([1_u8; 4], String::new(), 9_u8, "é".to_owned()));
    }

    #[test]
    fn text_alone_is_its_own_bytes() {
        assert_eq!(written::<String>(&"anna/inbox"), b"anna/inbox");
        assert_eq!(written::<(String, u8)>(&("a", 1)), b"a\0\0\x01");
    }

    #[test]
    fn bytes_have_the_order_of_their_keys() {
        let texts = ["", "\0", "\0\0", "\0a", "a", "a\0", "a\0b", "aa", "b"];
        let mut keys: Vec<(String, u64)> = Vec::new();
        for text in texts {
            keys.extend([0, 1, 255, 256, u64::MAX].map(|number| (text.to_owned(), number)));
        }
        let bytes: Vec<_> = keys.iter().map(written::<(String, u64)>).collect();
        assert!(keys.is_sorted() && bytes.is_sorted());
        assert!(written::<Reverse<u64>>(&Reverse(2)) < written::<Reverse<u64>>(&Reverse(1)));
    }

    #[test]
    fn a_prefix_of_a_tuple_is_no_prefix_of_longer_text() {
        let mut prefix = Vec::new();
        PrefixOf::<(String, u64)>::write_prefix(&("al",), &mut prefix);
        assert!(!written::<(String, u64)>(&("alice", 1)).starts_with(&prefix));
        assert!(written::<(String, u64)>(&("al", 1)).starts_with(&prefix));
    }

    #[test]
    fn bytes_that_are_no_key_are_refused() {
        assert_eq!(u64::read(&mut &b"short"[..], true), None);
        assert_eq!(<(String, u8)>::read(&mut &b"never ends"[..], true), None);
        assert_eq!(<(String, u8)>::read(&mut &b"a\0\x01"[..], true), None);
        assert_eq!(String::read(&mut &b"\xff"[..], true), None);
    }
}
