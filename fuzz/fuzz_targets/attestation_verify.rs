//! Genuine evidence of every kind with edits anywhere in it, in its
//! endorsements and in the time: no panic, and whatever is accepted says what
//! the unedited evidence says, with every signed byte as it was.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use synod_attestation::{Anchors, Endorsements, VendorRoots, verify, verify_checked};
use synod_fuzz::{
    edit::edited,
    platforms::{Platform, anchors, platforms, signed},
};

static PLATFORMS: LazyLock<Vec<Platform>> = LazyLock::new(platforms);

fuzz_target!(|bytes: &[u8]| {
    let Some(edited) = edited(&PLATFORMS, bytes) else {
        return;
    };
    let (evidence, endorsements, now_ms) = (&edited.evidence, &edited.endorsements, edited.now_ms);
    let vendor = Anchors::Vendor(VendorRoots::built_in());
    assert!(verify(evidence, endorsements, &vendor, now_ms).is_err());

    let verified = verify(evidence, endorsements, &anchors(), now_ms);
    let in_two_steps = endorsements
        .check(evidence.tee(), &anchors(), now_ms)
        .and_then(|checked| verify_checked(evidence, &checked, now_ms));
    assert_eq!(verified, in_two_steps);

    let Ok(claims) = verified else { return };
    // The fuzzer has no key: the platform whose measurement this is signed all of it.
    let claimed = |platform: &&Platform| {
        platform.claims.tee == claims.tee && platform.claims.measurement == claims.measurement
    };
    let platform = PLATFORMS
        .iter()
        .find(claimed)
        .expect("a platform signed it");
    let mut genuine = platform.endorsements.clone();
    let mut expected = &platform.claims;
    if let (Endorsements::Snp(genuine), Endorsements::Snp(snp)) = (&mut genuine, endorsements)
        && snp.crl.is_none()
    {
        genuine.crl = None;
        expected = &platform.claims_without_list;
    }
    assert_eq!(claims, *expected);
    assert_eq!(
        signed(evidence, endorsements),
        signed(&platform.evidence, &genuine)
    );
});
