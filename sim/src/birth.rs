//! What is born with a process: keys, evidence of a simulated TEE; and what a network is founded
//! with.

use synod_attestation::{Measurement, NodeStatement, Policy, Role, Tee};
use synod_attester::{Attester as _, Simulated};
use synod_crypto::{Digest, Entropy, HpkeSecretKey, Secret, SigningKey, sha256};
use synod_governance::{
    Act, Action, Address, Approval, AttestedStatement, BlockRef, Founder, Input, Join, JoinRule,
    Manifest, ManifestFile, MemberEntry, Reattest, SignedAction, UserEntry, join_nonce,
};
use synod_replica::{Caller, Founded, Keys, Request, governance};

use crate::clock::START_MS;

/// So many members act together.
const THRESHOLD: u8 = 2;
const MEMBERS: u8 = 3;
const MEASUREMENT: [u8; 48] = [0x5a; 48];

/// The vendors whose TEEs are simulated.
pub(crate) const VENDORS: [Tee; 3] = [Tee::SevSnp, Tee::Tdx, Tee::Nitro];

/// What the members agree on, as far as runs differ in it.
#[derive(Debug, Clone, Copy)]
pub struct Agreement {
    /// Voters of so many vendors certify.
    pub required_vendors: u8,
    /// A voter that is not heard for so long loses its vote (seconds).
    pub unheard_s: u64,
    /// A replica without a verdict or a vote is removed after so long (seconds).
    pub removal_grace_s: u64,
    /// Verdicts last so long (seconds); none for as long as the policy says.
    pub verdict_lifetime_s: Option<u64>,
    /// So many users may read and write.
    pub users: usize,
}

/// A user's identity at the door.
pub(crate) fn user(number: usize) -> Caller {
    Caller {
        fingerprint: Some(sha256(&[b"sim user", &number.to_le_bytes()])),
    }
}

fn member(number: u8) -> SigningKey {
    SigningKey::from_seed(&Secret::new([0x80 + number; 32]))
}

/// An act with the signatures of enough members.
pub(crate) fn signed(network: Digest, sequence: u64, act: Act) -> SignedAction {
    let action = Action {
        network,
        sequence,
        act,
    };
    SignedAction::combine((0..THRESHOLD).map(|number| action.sign(&member(number))))
}

/// The members, and how many of them act together, as block 0 has them.
pub(crate) fn members() -> (Vec<MemberEntry>, u8) {
    let entries = (0..MEMBERS).map(|number| MemberEntry {
        name: format!("member{number}"),
        key: member(number).public(),
        share_key: HpkeSecretKey::from_seed(&Secret::new([0xc0 + number; 32])).public(),
        tls: None,
    });
    (entries.collect(), THRESHOLD)
}

fn manifest(agreement: &Agreement) -> Manifest {
    let measurement = Measurement::try_from(&MEASUREMENT[..]).expect("48 bytes are a measurement");
    let workloads = VENDORS.map(|tee| (tee, measurement.clone(), "synod"));
    let users = (0..agreement.users).map(|number| UserEntry {
        name: format!("user{number}"),
        fingerprint: user(number).fingerprint.expect("users have certificates"),
        roles: ["write".to_owned()].into(),
    });
    Manifest::try_from(ManifestFile {
        version: synod_governance::FORMAT,
        name: "simulation".to_owned(),
        start_time_ms: START_MS,
        threshold: THRESHOLD,
        recovery_threshold: THRESHOLD,
        required_vendors: agreement.required_vendors,
        join: JoinRule::Verdict,
        removal_grace_s: agreement.removal_grace_s,
        unheard_s: agreement.unheard_s,
        open_voters: 1,
        members: members().0,
        users: users.collect(),
        policy: policy(&workloads, agreement.verdict_lifetime_s),
    })
    .expect("the manifest is sound")
}

fn policy(workloads: &[(Tee, Measurement, &str)], lifetime_s: Option<u64>) -> Policy {
    let policy = Policy::development(workloads);
    let Some(lifetime_s) = lifetime_s else {
        return policy;
    };
    let lines = policy.to_toml();
    let shortened = lines.lines().map(|line| {
        if line.starts_with("verdict_lifetime_s") {
            format!("verdict_lifetime_s = {lifetime_s}\n")
        } else {
            format!("{line}\n")
        }
    });
    Policy::from_toml(&shortened.collect::<String>()).expect("the policy is sound")
}

/// Founds a network of one replica, on the machine that `birth` is of.
pub(crate) fn found(agreement: &Agreement, birth: &Birth, entropy: &mut Entropy) -> Founded {
    let manifest = manifest(agreement);
    let attested = birth.attest(manifest.digest(), Digest::ZERO, START_MS);
    let approval = Approval::of(manifest.digest(), &attested);
    let approvals = (0..THRESHOLD).map(|number| approval.sign(&member(number)));
    let founder = Founder {
        attested,
        address: address(1),
        approvals: approvals.collect(),
    };
    synod_replica::found(
        manifest.to_toml().as_bytes(),
        vec![founder],
        entropy,
        START_MS,
    )
    .expect("the founder's evidence passes")
}

fn address(host: u64) -> Address {
    Address {
        public_url: format!("https://10.0.0.{host}:8000"),
        peer: format!("10.0.0.{host}:9000"),
    }
}

/// The keys of one process, and the machine that it runs on. They die with the process.
pub(crate) struct Birth {
    identity: Secret<32>,
    hpke: Secret<32>,
    platform: [u8; 32],
    tee: Tee,
}

impl Birth {
    /// New keys on a machine that was there before.
    pub(crate) fn on(platform: [u8; 32], tee: Tee, entropy: &mut Entropy) -> Self {
        Self {
            identity: entropy.secret(),
            hpke: entropy.secret(),
            platform,
            tee,
        }
    }

    /// What the identity key is made from.
    pub(crate) fn identity_seed(&self) -> Secret<32> {
        Secret::new(*self.identity.expose())
    }

    /// The keys.
    pub(crate) fn keys(&self) -> Keys {
        Keys {
            identity: SigningKey::from_seed(&self.identity),
            hpke: HpkeSecretKey::from_seed(&self.hpke),
        }
    }

    /// Evidence for these keys, made at `now_ms`.
    pub(crate) fn attest(&self, context: Digest, nonce: Digest, now_ms: u64) -> AttestedStatement {
        let keys = self.keys();
        let statement = NodeStatement {
            identity: keys.identity.public(),
            // Every process has a TLS key of its own; no TLS is spoken here.
            tls: keys.hpke.public().as_bytes().to_vec(),
            hpke: keys.hpke.public(),
            role: Role::Replica,
            context,
            nonce,
        };
        let (evidence, endorsements) = Simulated::new(self.tee, MEASUREMENT, self.platform)
            .and_then(|mut attester| attester.collect(&statement, now_ms))
            .expect("simulated hardware attests");
        AttestedStatement {
            statement,
            evidence,
            endorsements,
        }
    }

    /// Asks to join from this host, in the place of a former replica if there is one.
    pub(crate) fn join(
        &self,
        network: Digest,
        block: BlockRef,
        host: u64,
        replaces: Option<u64>,
        now_ms: u64,
    ) -> Request {
        let identity = self.keys().identity;
        let nonce = join_nonce(&block.hash, &identity.public());
        let attested = self.attest(network, nonce, now_ms);
        let join = Join::sign(attested, block, address(host), replaces, &identity);
        Request::Governance(governance::Request::Join(
            Input::Join(Box::new(join)).encode().into(),
        ))
    }

    /// Asks for a fresh verdict.
    pub(crate) fn reattest(
        &self,
        network: Digest,
        id: u64,
        block: BlockRef,
        now_ms: u64,
    ) -> Request {
        let identity = self.keys().identity;
        let nonce = join_nonce(&block.hash, &identity.public());
        let attested = self.attest(network, nonce, now_ms);
        let reattest = Reattest::sign(id, attested, block, &identity);
        Request::Governance(governance::Request::Reattest(
            Input::Reattest(Box::new(reattest)).encode().into(),
        ))
    }

    /// Asks to leave.
    pub(crate) fn leave(&self, network: Digest, id: u64, block: BlockRef) -> Request {
        let leave = synod_governance::Leave::sign(&network, id, block, &self.keys().identity);
        Request::Governance(governance::Request::Leave(
            Input::Leave(leave).encode().into(),
        ))
    }
}
