//! The range of the two numbers of an ECDSA signature.
//!
//! An implementation that does not look at it accepts signatures of zeros
//! (CVE-2022-21449); here it is a check with a name of its own.

/// The order of P-384 (SEC 2, `secp384r1`), big-endian.
const P384_ORDER: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];

/// Whether r and s of `r ‖ s` are at least one and below the order of P-384
/// (FIPS 186-5 §6.4.2). S may be in the upper half: vendors sign so.
pub(crate) fn p384_scalars_in_range(signature: &[u8; 96]) -> bool {
    signature
        .chunks_exact(48)
        .all(|scalar| scalar.iter().any(|byte| *byte != 0) && scalar < P384_ORDER.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_in_range_from_one_to_the_order_less_one() {
        let mut one = [0; 48];
        one[47] = 1;
        let mut most = P384_ORDER;
        most[47] -= 1;
        let both = |r: [u8; 48], s: [u8; 48]| {
            let signature = [r, s].concat().try_into().expect("two scalars");
            p384_scalars_in_range(&signature)
        };
        assert!(both(one, most) && both(most, one));
        for bad in [[0; 48], P384_ORDER, [0xff; 48]] {
            assert!(!both(bad, one) && !both(one, bad));
        }
    }
}
