//! What a transfer's receipt proves: the SHA-256 of a text that says the transfer, line by line.
//!
//! ```text
//! synod clearing transfer 1
//! id: hLkD…
//! reference: invoice-77
//! from: 7Yc0…
//! from-bank: anna-bank
//! to: Zq1-…
//! to-bank: bert-bank
//! currency: EUR
//! amount: 12550
//! memo: october rent
//! time: 1790000000000
//! ```
//!
//! Each line ends with a line feed, and no value holds one, so a text says one transfer only. The name of the transfer
//! and those of the accounts are 128 random bits each: who does not have the text cannot guess it from the digest.

use synod_app::sha256;

use crate::records::Transfer;

/// The text.
pub(crate) fn text(transfer: &Transfer) -> String {
    let (amount, time) = (transfer.amount.to_string(), transfer.time_ms.to_string());
    let mut text = String::from("synod clearing transfer 1\n");
    for (name, value) in [
        ("id", &transfer.id),
        ("reference", &transfer.reference),
        ("from", &transfer.from),
        ("from-bank", &transfer.from_bank),
        ("to", &transfer.to),
        ("to-bank", &transfer.to_bank),
        ("currency", &transfer.currency),
        ("amount", &amount),
        ("memo", &transfer.memo),
        ("time", &time),
    ] {
        text.extend([name, ": ", value, "\n"]);
    }
    text
}

/// Its digest.
pub(crate) fn digest(transfer: &Transfer) -> [u8; 32] {
    sha256(text(transfer).as_bytes())
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| {
        [
            DIGITS[usize::from(byte >> 4)],
            DIGITS[usize::from(byte & 15)],
        ]
    };
    bytes.iter().flat_map(digits).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer() -> Transfer {
        Transfer {
            id: "T".into(),
            reference: "r".into(),
            from: "A".into(),
            from_bank: "a".into(),
            to: "B".into(),
            to_bank: "b".into(),
            currency: "EUR".into(),
            amount: 5,
            memo: "x: y".into(),
            time_ms: 7,
        }
    }

    #[test]
    fn text_of_a_claim_is_as_documented() {
        let said = "synod clearing transfer 1\nid: T\nreference: r\nfrom: A\nfrom-bank: a\nto: B\nto-bank: b\n\
                    currency: EUR\namount: 5\nmemo: x: y\ntime: 7\n";
        assert_eq!(text(&transfer()), said);
        assert_eq!(digest(&transfer()), sha256(said.as_bytes()));
        assert_eq!(hex(&[0, 0x9f, 0xff]), "009fff");
    }

    #[test]
    fn each_field_is_in_the_claim() {
        let changes: [fn(&mut Transfer); 10] = [
            |t| t.id.push('x'),
            |t| t.reference.push('x'),
            |t| t.from.push('x'),
            |t| t.from_bank.push('x'),
            |t| t.to.push('x'),
            |t| t.to_bank.push('x'),
            |t| t.currency.push('x'),
            |t| t.amount += 1,
            |t| t.memo.push('x'),
            |t| t.time_ms += 1,
        ];
        for change in changes {
            let mut other = transfer();
            change(&mut other);
            assert_ne!(digest(&other), digest(&transfer()));
        }
    }
}
