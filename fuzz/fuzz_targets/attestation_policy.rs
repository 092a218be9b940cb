//! A policy is read or refused, never a panic; what was read is written and
//! read again as the same policy, and explains any evidence.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_attestation::{Binding, Endorsements, Evidence, Policy, Tee};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(policy) = Policy::from_toml(text) else {
        return;
    };
    let again = Policy::from_toml(&policy.to_toml()).expect("what was written is read");
    assert_eq!(again.digest(), policy.digest());
    assert!(Policy::diff(&again, &policy).is_empty());
    let evidence = Evidence::new(Tee::Nitro, bytes[..bytes.len().min(1000)].to_vec());
    if let Ok(evidence) = evidence {
        let nonce = Binding::Nonce(&bytes[..bytes.len().min(64)]);
        let appraisal = policy.explain(&evidence, &Endorsements::Nitro, nonce, 0, &[again]);
        assert!(!appraisal.is_trusted());
        let _ = appraisal.to_string();
    }
});
