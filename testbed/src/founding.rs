//! The founding of a synod in memory: members with seeded keys, a founder with simulated evidence,
//! block 0.

use synod_attestation::{Measurement, NodeStatement, Policy, Role, Tee};
use synod_attester::{Attester as _, Simulated};
use synod_consensus::Tuning;
use synod_crypto::{Digest, Entropy, HpkeSecretKey, Secret, SigningKey, sha256};
use synod_governance::{
    Address, Approval, AttestedStatement, Founder, JoinRule, Manifest, ManifestFile, MemberEntry,
    REMOVAL_GRACE_S_DEFAULT, UNHEARD_S_DEFAULT,
};
use synod_ledger::Record;
use synod_replica::{Boot, Keys, LedgerImport, Maps};

use crate::error::TestbedError;

/// The members, in the order of their shares.
pub const MEMBERS: [&str; 3] = ["alice", "bob", "carol"];
/// So many members act together.
pub(crate) const THRESHOLD: u8 = 2;
/// The ledger's clock begins here (Unix milliseconds): 2026-01-01.
pub(crate) const START_MS: u64 = 1_767_225_600_000;

const MEASUREMENT: [u8; 48] = [0x5a; 48];
const FOUNDER: u64 = 1;

/// A synod that is about to begin.
pub(crate) struct Founded {
    pub(crate) network: Digest,
    pub(crate) boot: Boot,
}

/// The key with which a member signs acts.
pub(crate) fn member_key(index: usize) -> SigningKey {
    SigningKey::from_seed(&seed("member", MEMBERS[index]))
}

/// The fingerprint of a member's TLS key.
pub(crate) fn member_fingerprint(name: &str) -> Digest {
    sha256(&[b"testbed tls member", name.as_bytes()])
}

/// The fingerprint of a user's TLS key.
pub(crate) fn user_fingerprint(name: &str) -> Digest {
    sha256(&[b"testbed tls user", name.as_bytes()])
}

/// Founds a network of one replica. Equal names give equal keys.
pub(crate) fn found(name: &str) -> Result<Founded, TestbedError> {
    let broken = |what: &dyn std::fmt::Display| TestbedError::Founding(what.to_string());
    let manifest = manifest().map_err(|error| broken(&error))?;
    let mut entropy = Entropy::from_seed(seed("synod", name));
    let keys = Keys {
        identity: SigningKey::from_seed(&entropy.secret()),
        hpke: HpkeSecretKey::from_seed(&entropy.secret()),
    };
    let attested = attest(&keys, manifest.digest()).map_err(|error| broken(&error))?;
    let approval = Approval::of(manifest.digest(), &attested);
    let founder = Founder {
        attested,
        address: Address {
            public_url: "https://127.0.0.1:8001".to_owned(),
            peer: "127.0.0.1:9001".to_owned(),
        },
        approvals: (0..usize::from(THRESHOLD))
            .map(|index| approval.sign(&member_key(index)))
            .collect(),
    };
    let founded = synod_replica::found(
        manifest.to_toml().as_bytes(),
        vec![founder],
        &mut entropy,
        START_MS,
    )
    .map_err(|error| broken(&error))?;
    let mut import = LedgerImport::new(founded.network, Some(vec![founded.secret]));
    import
        .feed(&Record::Block(founded.block))
        .map_err(|error| broken(&error))?;
    let boot = Boot {
        id: FOUNDER,
        keys,
        machine: import.finish().map_err(|error| broken(&error))?,
        service_key: entropy.secret(),
        kv: Box::new(Maps),
        tuning: Tuning::default(),
        entropy: entropy.fork("replica"),
    };
    Ok(Founded {
        network: founded.network,
        boot,
    })
}

fn seed(kind: &str, name: &str) -> Secret<32> {
    let digest = sha256(&[b"testbed ", kind.as_bytes(), b" ", name.as_bytes()]);
    Secret::new(*digest.as_bytes())
}

fn manifest() -> Result<Manifest, synod_governance::ManifestError> {
    let measurement = Measurement::try_from(&MEASUREMENT[..]).expect("48 bytes are a measurement");
    let members = MEMBERS.iter().enumerate().map(|(index, name)| MemberEntry {
        name: (*name).to_owned(),
        key: member_key(index).public(),
        share_key: HpkeSecretKey::from_seed(&seed("share", name)).public(),
        tls: Some(member_fingerprint(name)),
    });
    Manifest::try_from(ManifestFile {
        version: synod_governance::FORMAT,
        name: "testbed".to_owned(),
        start_time_ms: START_MS,
        threshold: THRESHOLD,
        recovery_threshold: THRESHOLD,
        required_vendors: 1,
        join: JoinRule::Verdict,
        removal_grace_s: REMOVAL_GRACE_S_DEFAULT,
        unheard_s: UNHEARD_S_DEFAULT,
        open_voters: 1,
        members: members.collect(),
        users: Vec::new(),
        policy: Policy::development(&[(Tee::SevSnp, measurement, "synod")]),
    })
}

fn attest(keys: &Keys, context: Digest) -> Result<AttestedStatement, impl std::fmt::Display> {
    let statement = NodeStatement {
        identity: keys.identity.public(),
        tls: vec![7; 91],
        hpke: keys.hpke.public(),
        role: Role::Replica,
        context,
        nonce: Digest::ZERO,
    };
    Simulated::new(Tee::SevSnp, MEASUREMENT, [3; 32])
        .and_then(|mut attester| attester.collect(&statement, START_MS))
        .map(|(evidence, endorsements)| AttestedStatement {
            statement,
            evidence,
            endorsements,
        })
}
