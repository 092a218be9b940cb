//! PEM (RFC 7468) as the services send it: several blocks in one text.
//!
//! Invariants:
//! - no more than [`BLOCKS_MAX`] blocks are read;
//! - between blocks there is white space only.

/// The most blocks that a text may have.
pub const BLOCKS_MAX: usize = 16;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// The text is not PEM. The fault is its sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// There is something other than blocks, or a block without its end.
    #[error("is not PEM")]
    NotPem,
    /// There are more than [`BLOCKS_MAX`] blocks.
    #[error("has more than {BLOCKS_MAX} PEM blocks")]
    TooMany,
}

/// One block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What stands behind `BEGIN`.
    pub label: String,
    /// The bytes.
    pub der: Vec<u8>,
}

/// Reads a text of one block or more. Zero bytes at the end, with which quotes
/// end their chains, are no part of it.
pub fn blocks(text: &[u8]) -> Result<Vec<Block>, PemError> {
    let text = std::str::from_utf8(text).map_err(|_| PemError::NotPem)?;
    let mut rest = text.trim_end_matches('\0').trim();
    let mut blocks = Vec::new();
    while !rest.is_empty() {
        if blocks.len() == BLOCKS_MAX {
            return Err(PemError::TooMany);
        }
        let (block, after) = split_block(rest).ok_or(PemError::NotPem)?;
        let (label, der) =
            pem_rfc7468::decode_vec(block.as_bytes()).map_err(|_| PemError::NotPem)?;
        blocks.push(Block {
            label: label.to_owned(),
            der,
        });
        rest = after.trim_start();
    }
    if blocks.is_empty() {
        return Err(PemError::NotPem);
    }
    Ok(blocks)
}

/// The certificates of a text that holds nothing else.
pub fn certificates(text: &[u8]) -> Result<Vec<Vec<u8>>, PemError> {
    blocks(text)?
        .into_iter()
        .map(|block| match block.label.as_str() {
            "CERTIFICATE" => Ok(block.der),
            _ => Err(PemError::NotPem),
        })
        .collect()
}

/// A chain of certificates as PEM.
pub fn encode(certificates: &[&[u8]]) -> String {
    certificates
        .iter()
        .map(|der| {
            pem_rfc7468::encode_string("CERTIFICATE", pem_rfc7468::LineEnding::LF, der)
                .expect("a certificate within bounds can be written as PEM")
        })
        .collect()
}

/// The block that `text` starts with, and what follows.
fn split_block(text: &str) -> Option<(&str, &str)> {
    let label = text.strip_prefix(BEGIN)?.split(DASHES).next()?;
    let end = format!("{END}{label}{DASHES}");
    let at = text.find(&end)? + end.len();
    Some(text.split_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_read_back_in_order() {
        let text = encode(&[b"one", b"two"]);
        let padded = format!("\n{text}\n\0\0");
        let read = certificates(padded.as_bytes()).expect("it is PEM");
        assert_eq!(read, [b"one".to_vec(), b"two".to_vec()]);
    }

    #[test]
    fn words_between_blocks_are_refused() {
        let text = format!("{}x{}", encode(&[b"one"]), encode(&[b"two"]));
        assert_eq!(certificates(text.as_bytes()), Err(PemError::NotPem));
    }

    #[test]
    fn a_text_without_a_block_is_no_chain() {
        assert_eq!(blocks(b" \n"), Err(PemError::NotPem));
    }

    #[test]
    fn a_block_that_does_not_end_is_refused() {
        let text = encode(&[b"one"]);
        let cut = &text.as_bytes()[..text.len() - 8];
        assert_eq!(blocks(cut), Err(PemError::NotPem));
    }

    #[test]
    fn more_blocks_than_the_bound_are_refused() {
        let text = encode(&[b"one".as_slice(); BLOCKS_MAX + 1]);
        assert_eq!(blocks(text.as_bytes()), Err(PemError::TooMany));
    }

    #[test]
    fn a_list_is_no_certificate() {
        let text = encode(&[b"one"]).replace("CERTIFICATE", "X509 CRL");
        assert_eq!(certificates(text.as_bytes()), Err(PemError::NotPem));
        assert_eq!(
            blocks(text.as_bytes()).expect("it is PEM")[0].label,
            "X509 CRL"
        );
    }
}
