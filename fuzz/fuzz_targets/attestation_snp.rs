//! A report, a table of certificates and a chain in PEM are read or refused,
//! and a chain from them is checked or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_attestation::{
    Anchors, MockRoots, SnpEndorsements,
    snp::{certificate_table, chain::CheckedChain, key::KeyKind, report::Report},
};

fuzz_target!(|bytes: &[u8]| {
    const NOW_MS: u64 = 1_795_132_800_000;
    if let Ok(report) = Report::parse(bytes) {
        assert!((2..=5).contains(&report.version));
    }
    let anchors = Anchors::Simulated(MockRoots::published());
    if let Ok(table) = certificate_table::parse(bytes) {
        for kind in [KeyKind::Vcek, KeyKind::Vlek] {
            if let Ok(endorsements) = table.endorsements(kind) {
                let _ = CheckedChain::check(&endorsements, &anchors, NOW_MS);
            }
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = SnpEndorsements::from_pem_chain(&[], text);
    }
});
