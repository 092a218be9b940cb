//! Reads DER (X.690), strictly and without copying.
//!
//! Invariants:
//! - lengths are definite, written in the fewest bytes, and within the input;
//! - tags have one byte, which is all that X.509 uses;
//! - nothing is allocated, whatever the input says.

use std::ops::Range;

/// The bytes are not DER of the expected shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotDer;

/// Tags of X.690, 8.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(crate) const ENUMERATED: u8 = 0x0a;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;
    /// The explicit context tags `[0]` and `[3]`.
    pub(crate) const CONTEXT_0: u8 = 0xa0;
    pub(crate) const CONTEXT_3: u8 = 0xa3;
}

/// Reads elements one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// Where `rest` begins in the outermost input.
    at: usize,
}

/// One element: its tag and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    /// The element with tag and length.
    pub(crate) whole: &'a [u8],
    /// What is inside.
    pub(crate) content: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(der: &'a [u8]) -> Self {
        Self { rest: der, at: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next element, whatever it is.
    pub(crate) fn any(&mut self) -> Result<Element<'a>, NotDer> {
        let [tag, first, after @ ..] = self.rest else {
            return Err(NotDer);
        };
        // Tag numbers of 31 and more continue in further bytes.
        if tag & 0x1f == 0x1f {
            return Err(NotDer);
        }
        let (length, header) = length(*first, after)?;
        let end = header.checked_add(length).ok_or(NotDer)?;
        let whole = self.rest.get(..end).ok_or(NotDer)?;
        let element = Element {
            tag: *tag,
            whole,
            content: &whole[header..],
            at: self.at,
        };
        self.rest = &self.rest[end..];
        self.at += end;
        Ok(element)
    }

    /// The next element, which must have this tag.
    pub(crate) fn read(&mut self, tag: u8) -> Result<Element<'a>, NotDer> {
        let element = self.any()?;
        if element.tag != tag {
            return Err(NotDer);
        }
        Ok(element)
    }

    /// The next element, if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, NotDer> {
        if self.rest.first() == Some(&tag) {
            return self.any().map(Some);
        }
        Ok(None)
    }

    /// Checks that nothing is left.
    pub(crate) fn end(&self) -> Result<(), NotDer> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(NotDer)
        }
    }
}

impl<'a> Element<'a> {
    /// Reads what is inside.
    pub(crate) fn inside(&self) -> Reader<'a> {
        Reader {
            rest: self.content,
            at: self.at + (self.whole.len() - self.content.len()),
        }
    }

    /// Where the whole element stands in the outermost input.
    pub(crate) fn range(&self) -> Range<usize> {
        self.at..self.at + self.whole.len()
    }

    /// Where the content stands in the outermost input.
    pub(crate) fn content_range(&self) -> Range<usize> {
        let end = self.at + self.whole.len();
        end - self.content.len()..end
    }

    /// The content of an `INTEGER` that is not negative, without the zero that
    /// only keeps it so.
    pub(crate) fn unsigned(&self) -> Result<&'a [u8], NotDer> {
        match self.content {
            [0] => Ok(self.content),
            [0, rest @ ..] if rest[0] >= 0x80 => Ok(rest),
            [first, ..] if (1..0x80).contains(first) => Ok(self.content),
            _ => Err(NotDer),
        }
    }

    /// The content of a `BOOLEAN`.
    pub(crate) fn boolean(&self) -> Result<bool, NotDer> {
        match self.content {
            [0] => Ok(false),
            [0xff] => Ok(true),
            _ => Err(NotDer),
        }
    }

    /// The content of a `BIT STRING` of whole bytes.
    pub(crate) fn bits(&self) -> Result<&'a [u8], NotDer> {
        match self.content {
            [0, bits @ ..] => Ok(bits),
            _ => Err(NotDer),
        }
    }
}

/// The length of the content, and of tag and length together.
fn length(first: u8, after: &[u8]) -> Result<(usize, usize), NotDer> {
    if first < 0x80 {
        return Ok((usize::from(first), 2));
    }
    let count = usize::from(first & 0x7f);
    let bytes = after.get(..count).ok_or(NotDer)?;
    let shortest = match bytes {
        [] | [0, ..] => false,
        [only] => *only >= 0x80,
        _ => count <= 4,
    };
    if !shortest {
        return Err(NotDer);
    }
    let length = bytes
        .iter()
        .fold(0, |length, byte| (length << 8) | usize::from(*byte));
    Ok((length, 2 + count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(der: &[u8]) -> Result<Vec<u8>, NotDer> {
        let mut reader = Reader::new(der);
        let element = reader.any()?;
        reader.end()?;
        Ok(element.content.to_vec())
    }

    #[test]
    fn element_is_read_and_its_place_is_known() {
        let der = [0x30, 0x05, 0x02, 0x01, 0x07, 0x05, 0x00];
        let sequence = Reader::new(&der).read(tag::SEQUENCE).expect("a sequence");
        let mut inside = sequence.inside();
        let number = inside.read(tag::INTEGER).expect("a number");
        assert_eq!((number.range(), number.content_range()), (2..5, 4..5));
        assert!(inside.read(tag::BOOLEAN).is_err());
    }

    #[test]
    fn length_is_refused_unless_it_is_definite_and_shortest() {
        assert_eq!(one(&[0x04, 0x01, 9]), Ok(vec![9]));
        for wrong in [
            &[0x04, 0x80, 0, 0][..],
            &[0x04, 0x81, 0x01, 9],
            &[0x04, 0x82, 0x00, 0x81],
            &[0x04, 0x85, 1, 0, 0, 0, 0],
            &[0x04, 0x02, 9],
            &[0x04, 0x01, 9, 9],
            &[0x1f, 0x01, 9],
            &[0x04],
            &[],
        ] {
            assert_eq!(one(wrong), Err(NotDer), "{wrong:?}");
        }
        let long = [vec![0x04, 0x81, 0x80], vec![7; 0x80]].concat();
        assert_eq!(one(&long), Ok(vec![7; 0x80]));
    }

    #[test]
    fn numbers_and_truth_values_have_one_form() {
        let unsigned = |der: &[u8]| {
            let element = Reader::new(der).read(tag::INTEGER).expect("an element");
            element.unsigned().map(<[u8]>::to_vec)
        };
        assert_eq!(unsigned(&[2, 1, 0]), Ok(vec![0]));
        assert_eq!(unsigned(&[2, 2, 0, 0xff]), Ok(vec![0xff]));
        for wrong in [&[2, 0][..], &[2, 2, 0, 1], &[2, 1, 0x80]] {
            assert_eq!(unsigned(wrong), Err(NotDer));
        }
        let truth = |byte| Reader::new(&[1, 1, byte]).any().expect("one").boolean();
        assert_eq!(
            (truth(0), truth(0xff), truth(1)),
            (Ok(false), Ok(true), Err(NotDer))
        );
    }
}
