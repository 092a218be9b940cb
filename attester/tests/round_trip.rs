//! Simulated evidence goes the whole way through the verifier.

use synod_attestation::{Expected, Freshness, Measurement, NodeStatement, Policy, Role, Tee};
use synod_attester::{Attester, Simulated};
use synod_crypto::{HpkeSecretKey, Secret, SigningKey, sha256};

const MEASUREMENT: [u8; 48] = [0x4d; 48];
const NOW_MS: u64 = 1_795_200_000_000;

fn statement() -> NodeStatement {
    NodeStatement {
        identity: SigningKey::from_seed(&Secret::new([1; 32])).public(),
        tls: vec![2; 91],
        hpke: HpkeSecretKey::from_seed(&Secret::new([3; 32])).public(),
        role: Role::Replica,
        context: sha256(&[b"network"]),
        nonce: sha256(&[b"nonce"]),
    }
}

fn expected() -> Expected {
    Expected {
        role: Role::Replica,
        context: sha256(&[b"network"]),
        freshness: Freshness::Nonce(sha256(&[b"nonce"])),
    }
}

fn policy() -> Policy {
    let measurement = Measurement::from(MEASUREMENT);
    let workloads = Tee::ALL.map(|tee| (tee, measurement.clone(), "test"));
    Policy::development(&workloads)
}

#[test]
fn evidence_of_every_kind_is_accepted_and_marked_as_simulated() {
    for tee in Tee::ALL {
        let mut attester = Simulated::new(tee, MEASUREMENT, [7; 32]).expect("a simulated TEE");
        let (evidence, endorsements) = attester
            .collect(&statement(), NOW_MS)
            .expect("evidence is collected");
        let verdict = policy()
            .appraise(&evidence, &endorsements, &statement(), &expected(), NOW_MS)
            .unwrap_or_else(|refusal| panic!("{tee}: {refusal}"));
        assert!(verdict.simulated());
        assert_eq!(verdict.tee(), tee);
        assert_eq!(verdict.subject(), &statement());
    }
}
