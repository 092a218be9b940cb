//! How far the digest of a boot event covers the words next to it.
//!
//! Source: TCG PC Client Platform Firmware Profile, "Event Types", and what
//! firmware and boot loaders do where they differ from it.

use synod_crypto::sha384;

use crate::eventlog::event::Content;

/// `EV_NO_ACTION`: a remark, never measured.
pub(crate) const NO_ACTION: u32 = 0x03;
const SEPARATOR: u32 = 0x04;
const ACTION: u32 = 0x05;
const EVENT_TAG: u32 = 0x06;
const CRTM_VERSION: u32 = 0x08;
const IPL: u32 = 0x0d;
const VARIABLE_DRIVER_CONFIG: u32 = 0x8000_0001;
const VARIABLE_BOOT: u32 = 0x8000_0002;
const GPT: u32 = 0x8000_0006;
const EFI_ACTION: u32 = 0x8000_0007;
const VARIABLE_BOOT_2: u32 = 0x8000_000c;
const VARIABLE_AUTHORITY: u32 = 0x8000_00e0;

/// Types whose digest is, by the profile, that of the whole event.
const WHOLE: [u32; 7] = [
    SEPARATOR,
    ACTION,
    CRTM_VERSION,
    VARIABLE_DRIVER_CONFIG,
    GPT,
    EFI_ACTION,
    VARIABLE_AUTHORITY,
];

/// The tag of AAEL events, little-endian.
const AAEL: &[u8; 4] = b"LEAA";

/// The payload does not hash to the digest, though the type says so.
pub(crate) struct Mismatch;

/// Judges the content of an event; next to it, what the log calls it.
pub(crate) fn of(
    kind: u32,
    digest: &[u8; 48],
    bytes: &[u8],
) -> Result<(Content, Option<String>), Mismatch> {
    if sha384(&[bytes]) == *digest {
        let application = (kind == EVENT_TAG).then(|| application(bytes)).flatten();
        let whole = || Content::Measured(bytes.to_vec());
        return Ok((application.unwrap_or_else(whole), None));
    }
    if WHOLE.contains(&kind) || (kind == EVENT_TAG && bytes.starts_with(AAEL)) {
        return Err(Mismatch);
    }
    let part = match kind {
        VARIABLE_BOOT | VARIABLE_BOOT_2 => variable(bytes),
        IPL => command(bytes),
        _ => None,
    };
    Ok(match part {
        Some((label, measured)) if sha384(&[measured]) == *digest => {
            (Content::Measured(measured.to_vec()), Some(label))
        }
        _ => (Content::Stated(bytes.to_vec()), None),
    })
}

/// An AAEL event: a tag, the length of the rest, and three words.
fn application(bytes: &[u8]) -> Option<Content> {
    let rest = bytes.strip_prefix(AAEL)?;
    let (length, text) = rest.split_first_chunk::<4>()?;
    if usize::try_from(u32::from_le_bytes(*length)).ok()? != text.len() {
        return None;
    }
    let mut words = std::str::from_utf8(text).ok()?.splitn(3, ' ');
    let mut word = || words.next().map(str::to_owned);
    Some(Content::Application {
        domain: word()?,
        operation: word()?,
        content: word()?,
    })
}

/// `UEFI_VARIABLE_DATA`: firmware measures the value of boot variables only.
fn variable(bytes: &[u8]) -> Option<(String, &[u8])> {
    let length = |at: usize| {
        let field = bytes.get(at..at.checked_add(8)?)?.try_into().ok()?;
        usize::try_from(u64::from_le_bytes(field)).ok()
    };
    let (name_units, value_bytes) = (length(16)?, length(24)?);
    let rest = bytes.get(32..)?;
    let (name, value) = rest.split_at_checked(name_units.checked_mul(2)?)?;
    let units = name
        .chunks_exact(2)
        .map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    let name = char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    (value.len() == value_bytes).then_some((name, value))
}

/// `grub_cmd: …` and the like: GRUB measures what follows the colon, without
/// the closing zeros.
fn command(bytes: &[u8]) -> Option<(String, &[u8])> {
    let closing = bytes.iter().rev().take_while(|byte| **byte == 0).count();
    let text = &bytes[..bytes.len() - closing];
    let colon = text.windows(2).position(|pair| pair == b": ")?;
    let label = std::str::from_utf8(&text[..colon]).ok()?;
    Some((label.to_owned(), &text[colon + 2..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(kind: u32, measured: &[u8], bytes: &[u8]) -> Option<Content> {
        let judged = of(kind, &sha384(&[measured]), bytes);
        judged.ok().map(|(content, _)| content)
    }

    #[test]
    fn part_of_an_event_is_measured_only_where_the_digest_is_that_of_the_part() {
        let stated = |bytes: &[u8]| Some(Content::Stated(bytes.to_vec()));
        let line = b"grub_cmd: boot\0";
        let measured = Some(Content::Measured(b"boot".to_vec()));
        assert_eq!(judged(IPL, b"boot", line), measured);
        assert_eq!(judged(IPL, b"root", line), stated(line));
        let variable = |length: u64| {
            let mut bytes = vec![0; 16];
            bytes.extend(1_u64.to_le_bytes());
            bytes.extend(length.to_le_bytes());
            bytes.extend(*b"B\0value");
            bytes
        };
        let measured = Some(Content::Measured(b"value".to_vec()));
        assert_eq!(judged(VARIABLE_BOOT, b"value", &variable(5)), measured);
        for length in [4, 6, u64::MAX] {
            let bytes = variable(length);
            assert_eq!(judged(VARIABLE_BOOT, b"value", &bytes), stated(&bytes));
        }
    }

    #[test]
    fn application_is_named_only_where_its_length_is_that_of_its_words() {
        let event = |length: u32| [AAEL, &length.to_le_bytes()[..], b"a b c"].concat();
        let judge = |bytes: &[u8]| judged(EVENT_TAG, bytes, bytes);
        assert!(matches!(
            judge(&event(5)),
            Some(Content::Application { .. })
        ));
        for length in [4, 6] {
            let bytes = event(length);
            assert_eq!(judge(&bytes), Some(Content::Measured(bytes.clone())));
        }
    }
}
