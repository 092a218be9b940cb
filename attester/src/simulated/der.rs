//! As much of DER (X.690) as vendors' certificate extensions need.

use x509_cert::der::asn1::ObjectIdentifier;

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const ENUMERATED: u8 = 0x0a;
const IA5_STRING: u8 = 0x16;
const SEQUENCE: u8 = 0x30;

pub(crate) fn sequence(items: &[Vec<u8>]) -> Vec<u8> {
    tlv(SEQUENCE, &items.concat())
}

/// An entry of Intel's extension: an object identifier and its value.
pub(crate) fn entry(oid: &ObjectIdentifier, value: Vec<u8>) -> Vec<u8> {
    sequence(&[tlv(OBJECT_IDENTIFIER, oid.as_bytes()), value])
}

pub(crate) fn integer(value: u8) -> Vec<u8> {
    // A leading zero keeps the number positive.
    if value < 0x80 {
        tlv(INTEGER, &[value])
    } else {
        tlv(INTEGER, &[0, value])
    }
}

pub(crate) fn enumerated(value: u8) -> Vec<u8> {
    tlv(ENUMERATED, &[value])
}

pub(crate) fn octets(bytes: &[u8]) -> Vec<u8> {
    tlv(OCTET_STRING, bytes)
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    tlv(IA5_STRING, text.as_bytes())
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("extensions are shorter than 64 KiB");
    let [high, low] = length.to_be_bytes();
    let mut der = match length {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    der.extend_from_slice(content);
    der
}
