//! Verification: from a URL and a pin to a replica that may be believed.
//!
//! Invariants
//! - nothing but the request for evidence and chain, and a nonce, is sent to a replica that was not
//!   verified;
//! - [`VerifiedReplica`] is made by [`Verifier::verify`] alone, and carries the keys that
//!   connections must end at: later ones must show the TLS key, and prove the identity key for
//!   their own session again;
//! - the endorsements are those that the replica shows next to its evidence, which it always does;
//!   no vendor is asked;
//! - the newest configuration is the newest that the replica shows, and none before the newest one
//!   that this verifier has seen before: its [`Memory`] never goes back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use synod_api::{AttestationReply, ChainFile, freshness_message};
use synod_attestation::{
    Endorsements, Evidence, Expected, Freshness, NodeStatement, Policy, Role, Verdict,
};
use synod_channel::{Clock, Session, Spki, dangerous_observe_config};
use synod_crypto::{Digest, Signature};
use synod_ledger::{Block, Chain};

use crate::chain::follow_records;
use crate::checks::{Check, Checks, Failure, Unverified};
use crate::connection::Connection;
use crate::error::ClientError;
use crate::genesis::{self, Founding};
use crate::head::CertifiedHead;
use crate::memory::Memory;
use crate::request::{Request, expect_ok};
use crate::url::ReplicaUrl;
use crate::{opening, session};

/// A nonce of the caller: fresh and random for each verification.
pub type Nonce = [u8; 32];

/// Decides which replicas to trust: a pinned network, and a policy for evidence.
#[derive(Clone, Debug)]
pub struct Verifier {
    memory: Memory,
    policy: Option<Policy>,
    timeout: Duration,
}

/// A replica that passed every check.
#[derive(Clone, Debug)]
pub struct VerifiedReplica {
    url: ReplicaUrl,
    tls_key: Spki,
    id: u64,
    verdict: Verdict,
    chain: Chain,
    head: Option<CertifiedHead>,
    checks: Vec<Check>,
}

impl VerifiedReplica {
    /// Its address.
    pub fn url(&self) -> &ReplicaUrl {
        &self.url
    }

    /// The key that connections to it must end at: the one that its evidence names.
    pub fn tls_key(&self) -> &Spki {
        &self.tls_key
    }

    /// Its replica id.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What the policy found.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The configurations, followed from the pin.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The newest certified block that it showed; none before the first certificate, and none while
    /// only an earlier configuration certified it.
    pub fn head(&self) -> Option<&CertifiedHead> {
        self.head.as_ref()
    }

    /// Every check that was made; all passed.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }
}

/// What a replica shows of itself, before anything of it is believed.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Its address.
    pub url: ReplicaUrl,
    /// The key that the connection ended at.
    pub tls_key: Spki,
    /// The TLS session over which it was asked, as this end knows it.
    pub session: Session,
    /// The nonce that was sent.
    pub nonce: Nonce,
    /// Its answer.
    pub attestation: AttestationReply,
}

/// Connects without trust and fetches the evidence; sends a nonce, and nothing of the caller's.
///
/// # Errors
/// [`ClientError`], if there is no answer of the expected shape.
pub async fn observe(
    url: &ReplicaUrl,
    nonce: Nonce,
    timeout: Duration,
) -> Result<Observation, ClientError> {
    let connection = connect(url, timeout).await?;
    observe_on(&connection, nonce, timeout).await
}

impl Observation {
    /// The parts of the attestation, read, with the checks that need no pin: the answer is for this
    /// nonce, the identity key is alive, the connection ends at the attested key, and the identity
    /// key signed this session.
    ///
    /// # Errors
    /// [`Unverified`], with the checks made.
    pub fn read(&self) -> Result<Attested, Unverified> {
        self.check(Checks::default()).map(|(attested, _)| attested)
    }

    fn check(&self, mut checks: Checks) -> Result<(Attested, Checks), Unverified> {
        let attested = match self.parse() {
            Ok(attested) => attested,
            Err(failure) => return Err(checks.fail("attestation", failure)),
        };
        if let Err(failure) = self.check_freshness(&attested) {
            return Err(checks.fail("freshness", failure));
        }
        checks.pass("freshness", "the identity key signed this client's nonce");
        let named = Spki::from_der(attested.statement.tls.clone());
        if named != self.tls_key {
            let failure = Failure::TlsKey {
                shown: self.tls_key.fingerprint(),
                attested: named.fingerprint(),
            };
            return Err(checks.fail("tls-key", failure));
        }
        checks.pass(
            "tls-key",
            format!(
                "the connection ends at the attested key {}",
                named.fingerprint()
            ),
        );
        if let Err(failure) = self.check_session(&attested) {
            return Err(checks.fail("session", failure));
        }
        checks.pass(
            "session",
            "this TLS session ends inside the TEE: exporter signed by identity key",
        );
        Ok((attested, checks))
    }

    fn parse(&self) -> Result<Attested, Failure> {
        let reply = &self.attestation;
        Ok(Attested {
            statement: NodeStatement::decode(&reply.statement.0)?,
            evidence: Evidence::decode(&reply.evidence.0)
                .map_err(|_| Failure::Malformed("evidence"))?,
            endorsements: Endorsements::decode(&reply.endorsements.0)
                .map_err(|_| Failure::Malformed("endorsements"))?,
            context: reply
                .context
                .parse()
                .map_err(|_| Failure::Malformed("context"))?,
        })
    }

    fn check_freshness(&self, attested: &Attested) -> Result<(), Failure> {
        if self.attestation.nonce != hex::encode(self.nonce) {
            return Err(Failure::Nonce);
        }
        let signature = Signature::try_from(&self.attestation.signature.0[..])
            .map_err(|_| Failure::Freshness)?;
        let message = freshness_message(attested.context.as_bytes(), &self.nonce);
        attested
            .statement
            .identity
            .verify(&message, &signature)
            .map_err(|_| Failure::Freshness)
    }

    /// It was asked without a certificate: nothing of the caller's is sent to whom is not verified.
    fn check_session(&self, attested: &Attested) -> Result<(), Failure> {
        let asked = session::Asked {
            context: attested.context,
            caller: None,
            nonce: self.nonce,
        };
        let proof = self.attestation.session.as_ref();
        asked.check(&attested.statement.identity, &self.session, proof)
    }
}

/// The parts of an attestation: read, not judged.
#[derive(Clone, Debug)]
pub struct Attested {
    /// Whose keys.
    pub statement: NodeStatement,
    /// What the TEE signed.
    pub evidence: Evidence,
    /// What the vendor says of the platform.
    pub endorsements: Endorsements,
    /// The network id, or the manifest's digest of a founder that waits.
    pub context: Digest,
}

impl Verifier {
    /// Believes replicas of the network with this id (the hash of block 0). Evidence is judged by
    /// `policy`, or without one by the policy that block 0 holds, which the pin covers.
    ///
    /// What it sees it remembers until its last clone is gone; for longer, see
    /// [`Self::remembering`].
    pub fn new(network: Digest, policy: Option<Policy>) -> Self {
        Self::remembering(Memory::new(network), policy)
    }

    /// The same for the network of this memory: what was seen with it before is never gone back
    /// behind.
    pub fn remembering(memory: Memory, policy: Option<Policy>) -> Self {
        Self {
            memory,
            policy,
            timeout: Duration::from_secs(10),
        }
    }

    /// The pinned network id.
    pub fn network(&self) -> Digest {
        self.memory.network()
    }

    /// What it remembers.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Verifies the replica at `url`, and remembers what it shows. A replica that shows something
    /// older than is remembered is not verified.
    ///
    /// # Errors
    /// [`ClientError::NotVerified`] with every check that was made, [`ClientError::Forked`], or
    /// that there is no answer.
    pub async fn verify(
        &self,
        url: &ReplicaUrl,
        nonce: Nonce,
    ) -> Result<VerifiedReplica, ClientError> {
        let connection = connect(url, self.timeout).await?;
        let observation = observe_on(&connection, nonce, self.timeout).await?;
        let chain_file = fetch_chain(&connection, self.timeout).await?;
        let judged = self.judge(&observation, &chain_file, now_ms());
        let replica = judged.map_err(|why| ClientError::NotVerified {
            url: url.clone(),
            why: Box::new(why),
        })?;
        let memory = self.memory.clone();
        // The state file is locked, read and flushed.
        tokio::task::spawn_blocking(move || remember(&memory, replica))
            .await
            .map_err(|error| ClientError::Environment(error.to_string()))?
    }

    /// The checks alone, on what was fetched: no network and no memory, and the time (Unix
    /// milliseconds) is the caller's.
    ///
    /// # Errors
    /// [`Unverified`]: the first check that fails, and all before it.
    pub fn judge(
        &self,
        observation: &Observation,
        chain_file: &Bytes,
        now_ms: u64,
    ) -> Result<VerifiedReplica, Unverified> {
        let (attested, checks) = observation.check(Checks::default())?;
        let (checks, block0, chain) = self.follow(checks, attested.context, chain_file)?;
        let founding = match Founding::read(&block0) {
            Ok(founding) => founding,
            Err(error) => return Err(checks.fail("founding", error.into())),
        };
        let (checks, id) = membership(checks, &attested, &chain)?;
        let subject = Subject {
            attested: &attested,
            block0: &block0,
            manifest: founding.service.manifest,
            chain: &chain,
        };
        let (checks, verdict) = self.appraise(checks, &subject, now_ms)?;
        let (checks, head) = certified_block(checks, &observation.attestation, &chain)?;
        Ok(VerifiedReplica {
            url: observation.url.clone(),
            tls_key: observation.tls_key.clone(),
            id,
            verdict,
            chain,
            head,
            checks: checks.done(),
        })
    }

    fn follow(
        &self,
        mut checks: Checks,
        context: Digest,
        file: &Bytes,
    ) -> Result<(Checks, Block, Chain), Unverified> {
        let file = match ChainFile::decode(file) {
            Ok(file) => file,
            Err(error) => return Err(checks.fail("chain", Failure::ChainFile(error.to_string()))),
        };
        let pin = self.network();
        let mut chain = match Chain::start(pin, file.block0.clone()) {
            Ok(chain) => chain,
            Err(error) => {
                return Err(checks.fail(
                    "network",
                    Failure::Network {
                        pin,
                        error: Box::new(error),
                    },
                ));
            }
        };
        if context != pin {
            return Err(checks.fail(
                "network",
                Failure::OtherNetwork {
                    pin,
                    found: context,
                },
            ));
        }
        checks.pass(
            "network",
            format!("block 0 hashes to the pinned network id {pin}"),
        );
        if let Err(failure) = follow_records(&mut chain, &file.records) {
            return Err(checks.fail("chain", failure));
        }
        let (steps, voters) = (file.records.len(), chain.current().voters().len());
        let changes = match steps {
            0 => "no change of configuration since block 0".to_owned(),
            steps => format!("{steps} changes of configuration, each certified"),
        };
        checks.pass("chain", format!("{changes}; {voters} voters now"));
        let block0 = Block::decode(file.block0).expect("the chain began with it");
        let checks = opened(checks, &mut chain, &block0, file.opening.as_ref())?;
        Ok((checks, block0, chain))
    }

    fn appraise(
        &self,
        mut checks: Checks,
        subject: &Subject<'_>,
        now_ms: u64,
    ) -> Result<(Checks, Verdict), Unverified> {
        let policy = match self
            .policy
            .clone()
            .map_or_else(|| genesis::policy(subject.block0), Ok)
        {
            Ok(policy) => policy,
            Err(why) => return Err(checks.fail("policy", Failure::NoPolicy(why))),
        };
        let whose = if self.policy.is_some() {
            "the caller's"
        } else {
            "the members', in block 0"
        };
        checks.pass(
            "policy",
            format!("`{}` ({whose}), digest {}", policy.name(), policy.digest()),
        );
        let expected = Expected {
            role: Role::Replica,
            context: subject.expected_context(),
            // Liveness was shown by the signature over the nonce; the statement's own nonce was
            // checked when the replica joined, and stands on the ledger.
            freshness: Freshness::Elsewhere,
        };
        let Attested {
            statement,
            evidence,
            endorsements,
            ..
        } = subject.attested;
        match policy.appraise(evidence, endorsements, statement, &expected, now_ms) {
            Ok(verdict) => {
                checks.appraised(verdict.checks());
                Ok((checks, verdict))
            }
            Err(refusal) => Err(checks.refused(refusal)),
        }
    }
}

/// Whom a verification is about, once the chain was followed.
struct Subject<'a> {
    attested: &'a Attested,
    block0: &'a Block,
    /// The digest of the manifest that block 0 names.
    manifest: Digest,
    chain: &'a Chain,
}

impl Subject<'_> {
    /// Founders made their first statement before there was a network id: that names the manifest,
    /// and their keys are those of configuration 0. Once they attested anew, it names the network
    /// as everybody's does.
    fn expected_context(&self) -> Digest {
        let first = self
            .chain
            .configurations()
            .next()
            .expect("a chain has a first configuration");
        let is_founder = first
            .voter_by_kid(&self.attested.statement.identity.digest())
            .is_some();
        if is_founder && self.manifest == self.attested.statement.context {
            self.manifest
        } else {
            self.chain.network()
        }
    }
}

/// What the members opened. A network that they have not opened can be verified too: they must
/// reach it.
fn opened(
    mut checks: Checks,
    chain: &mut Chain,
    block0: &Block,
    signed: Option<&Bytes>,
) -> Result<Checks, Unverified> {
    let Some(signed) = signed else {
        let seen = "the members have not opened the network: nothing of a user's is sent, and no receipt counts";
        checks.waive("opening", seen);
        return Ok(checks);
    };
    match opening::open(chain, block0, signed) {
        Ok(signers) => {
            let number = chain.opening().expect("it was opened a moment ago");
            let seen = format!(
                "{signers} members opened configuration {number}, whose voters they verified"
            );
            checks.pass("opening", seen);
            Ok(checks)
        }
        Err(error) => Err(checks.fail("opening", error.into())),
    }
}

fn membership(
    mut checks: Checks,
    attested: &Attested,
    chain: &Chain,
) -> Result<(Checks, u64), Unverified> {
    let identity = attested.statement.identity;
    let current = chain.current();
    let Some(voter) = current.voter_by_kid(&identity.digest()) else {
        let failure = Failure::NotVoter {
            identity: identity.to_string(),
            configuration: current.number(),
        };
        return Err(checks.fail("membership", failure));
    };
    let seen = format!(
        "replica {} ({}) votes in configuration {}",
        voter.id,
        voter.vendor,
        current.number()
    );
    checks.pass("membership", seen);
    Ok((checks, voter.id))
}

fn certified_block(
    mut checks: Checks,
    attestation: &AttestationReply,
    chain: &Chain,
) -> Result<(Checks, Option<CertifiedHead>), Unverified> {
    let Some(shown) = &attestation.certified else {
        return Ok((checks, None));
    };
    match CertifiedHead::of_certificate(chain, &shown.header.0, &shown.certificate.0) {
        Ok(head) => {
            let seen = match &head {
                Some(head) => format!("{} transactions, root {}", head.tree_size(), head.root()),
                None => "certified by an earlier configuration, so it is not compared".to_owned(),
            };
            checks.pass("certified", seen);
            Ok((checks, head))
        }
        Err(error) => Err(checks.fail("certified", error.into())),
    }
}

/// Compares a replica that passed every other check with what is remembered, and remembers what it
/// shows.
fn remember(memory: &Memory, mut replica: VerifiedReplica) -> Result<VerifiedReplica, ClientError> {
    match memory.take_replica(&replica.chain, replica.head.as_ref()) {
        Ok(()) => {
            replica.checks.push(Check {
                name: "memory",
                passed: true,
                waived: false,
                seen: format!(
                    "nothing newer than configuration {} was seen before",
                    replica.chain.current().number()
                ),
            });
            Ok(replica)
        }
        Err(error) => {
            let checks = Checks::resumed(replica.checks);
            Err(ClientError::of_memory(&replica.url, error, checks))
        }
    }
}

async fn connect(url: &ReplicaUrl, timeout: Duration) -> Result<Connection, ClientError> {
    // Nothing is believed of this connection but what the checks below prove of its key.
    Connection::open(url, dangerous_observe_config(&Clock::system()), timeout).await
}

async fn observe_on(
    connection: &Connection,
    nonce: Nonce,
    timeout: Duration,
) -> Result<Observation, ClientError> {
    let request = Request::get(format!("/v1/attestation?nonce={}", hex::encode(nonce)));
    let response = expect_ok(connection.exchange(&request, timeout).await?)?;
    let tls_key = Spki::of_certificate(connection.certificate())
        .map_err(|_| response.bad("it showed a certificate that cannot be read"))?;
    Ok(Observation {
        url: connection.url().clone(),
        tls_key,
        session: *connection.session(),
        nonce,
        attestation: response.json()?,
    })
}

async fn fetch_chain(connection: &Connection, timeout: Duration) -> Result<Bytes, ClientError> {
    let response = connection
        .exchange(&Request::get("/v1/chain"), timeout)
        .await?;
    Ok(expect_ok(response)?.body)
}

/// A fresh nonce, from the operating system.
///
/// # Errors
/// The system's own, if it has no randomness to give.
pub fn fresh_nonce() -> Result<Nonce, getrandom::Error> {
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce)?;
    Ok(nonce)
}

/// This machine's time, in Unix milliseconds.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_millis() as u64
}
