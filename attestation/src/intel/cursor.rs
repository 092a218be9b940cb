//! Reads fixed fields, little-endian, from the front of a quote.

use crate::intel::error::IntelError;

/// What is still unread, and the name of the part that it belongs to.
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    part: &'static str,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], part: &'static str) -> Self {
        Self { rest: bytes, part }
    }

    /// What follows belongs to another part.
    pub(crate) fn part(&mut self, part: &'static str) {
        self.part = part;
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], IntelError> {
        let (field, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(IntelError::Truncated(self.part))?;
        self.rest = rest;
        Ok(field)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], IntelError> {
        let (field, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(IntelError::Truncated(self.part))?;
        self.rest = rest;
        Ok(field)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, IntelError> {
        self.array().map(|bytes| u16::from_le_bytes(*bytes))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, IntelError> {
        self.array().map(|bytes| u32::from_le_bytes(*bytes))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, IntelError> {
        self.array().map(|bytes| u64::from_le_bytes(*bytes))
    }

    /// Bytes behind a length of four bytes.
    pub(crate) fn sized(&mut self) -> Result<&'a [u8], IntelError> {
        let length = self.u32()?;
        // Where addresses are shorter than lengths, no input is that long.
        let length = usize::try_from(length).map_err(|_| IntelError::Truncated(self.part))?;
        self.bytes(length)
    }

    /// Checks that the part was read whole.
    pub(crate) fn end(&self) -> Result<(), IntelError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(IntelError::LeftOver(self.part))
        }
    }
}
