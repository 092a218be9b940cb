//! Chains of certificates in PEM (RFC 7468), as Intel's services write them.
//!
//! Between certificates stands white space, after the last one perhaps a zero
//! byte, and nothing else anywhere.

/// The text is not such a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPem;

/// No chain of Intel's has more certificates.
pub const CERTIFICATES_MAX: usize = 4;

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

/// The certificates of a chain, in DER, in their order.
pub fn decode_chain(text: &[u8]) -> Result<Vec<Vec<u8>>, NotPem> {
    let end = text
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let mut rest = text[..end].trim_ascii();
    let mut chain = Vec::new();
    while !rest.is_empty() {
        let body = rest.strip_prefix(BEGIN).ok_or(NotPem)?;
        let length = body.iter().position(|byte| *byte == b'-').ok_or(NotPem)?;
        let (body, after) = body.split_at(length);
        if chain.len() == CERTIFICATES_MAX {
            return Err(NotPem);
        }
        chain.push(decode_base64(body)?);
        rest = after.strip_prefix(END).ok_or(NotPem)?.trim_ascii_start();
    }
    Ok(chain)
}

/// Decodes base 64 (RFC 4648, 4) with line breaks; the unused bits at the end
/// must be zero.
fn decode_base64(text: &[u8]) -> Result<Vec<u8>, NotPem> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut group, mut digits, mut padding) = (0_u32, 0, 0);
    for character in text {
        let value = match VALUES[usize::from(*character)] {
            SPACE => continue,
            PADDING => {
                padding += 1;
                0
            }
            value if value < 64 && padding == 0 => u32::from(value),
            _ => return Err(NotPem),
        };
        group = group << 6 | value;
        digits += 1;
        if digits == 4 {
            let [_, decoded @ ..] = group.to_be_bytes();
            let kept = decoded.len().checked_sub(padding).ok_or(NotPem)?;
            if kept == 0 || decoded[kept..].iter().any(|byte| *byte != 0) {
                return Err(NotPem);
            }
            bytes.extend_from_slice(&decoded[..kept]);
            (group, digits) = (0, 0);
            // After padding nothing may come, as no value is taken any more.
        }
    }
    if digits != 0 || padding > 2 {
        return Err(NotPem);
    }
    Ok(bytes)
}

const SPACE: u8 = 0xfe;
const PADDING: u8 = 0xfd;
const WRONG: u8 = 0xff;

/// The value of each character.
const VALUES: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut values = [WRONG; 256];
    let mut at = 0;
    while at < alphabet.len() {
        values[alphabet[at] as usize] = at as u8;
        at += 1;
    }
    values[b'\r' as usize] = SPACE;
    values[b'\n' as usize] = SPACE;
    values[b'=' as usize] = PADDING;
    values
};

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(body: &str) -> String {
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    }

    #[test]
    fn chain_is_decoded_in_its_order() {
        let text = format!("{}\r\n{}\0\0", pem("AQID\nBA=="), pem("//8="));
        let chain = decode_chain(text.as_bytes());
        assert_eq!(chain, Ok(vec![vec![1, 2, 3, 4], vec![0xff, 0xff]]));
        assert_eq!(decode_chain(b""), Ok(vec![]));
    }

    #[test]
    fn chain_is_refused_when_anything_else_stands_in_it() {
        for wrong in [
            format!("subject=CN\n{}", pem("AQID")),
            format!("{}more", pem("AQID")),
            format!("{}\0{}", pem("AQID"), pem("AQID")),
            pem("AQID").repeat(CERTIFICATES_MAX + 1),
            pem("AQI"),
            pem("AQ=D"),
            pem("AQ==AQID"),
            pem("A==="),
            pem("===="),
            pem("AQ==").replace("AQ", "AR"),
            pem("AQI=").replace("AQI", "AQJ"),
            pem("AQ ID"),
            pem("AQ\u{e9}D"),
            "-----BEGIN CERTIFICATE-----\nAQID".to_owned(),
            "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE----".to_owned(),
            "-----BEGIN X509 CRL-----\nAQID\n-----END X509 CRL-----".to_owned(),
        ] {
            assert_eq!(decode_chain(wrong.as_bytes()), Err(NotPem), "{wrong}");
        }
    }
}
