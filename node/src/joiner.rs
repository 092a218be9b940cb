//! How a joiner comes to be: mutual attestation, keys, the whole ledger verified, then a learner.
//!
//! 1. The joiner verifies the service as a client would: evidence, chain from the pinned network
//!    id, TLS key.
//! 2. It attests itself with a nonce made from a recent certified block, and asks to join; the
//!    verdict on it goes on the ledger.
//! 3. It asks for the keys, which come sealed to the key that its statement names.
//! 4. It fetches the ledger and checks every record, as an audit would, private half included. What
//!    was checked goes to its own files as it comes. A replica whose ledger is damaged, ends early
//!    or does not come costs nothing but time: the next one is asked from where the joiner stands.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use synod_api::ErrorCode;
use synod_attestation::{Policy, PolicyError};
use synod_client::{
    ClientError, ReplicaUrl, Request, Response, RetryPolicy, Service, Trust, Verifier,
};
use synod_consensus::Tuning;
use synod_crypto::Digest;
use synod_governance::{Address, AttestedStatement, BlockRef, Input, Join, join_nonce};
use synod_ledger::{Damage, LedgerSecret, SEGMENT_HEADER_LEN, Scanner, SegmentHeader, TxId};
use synod_replica::{
    Boot, ImportError, KeyRing, KeyRingError, LedgerImport, Machine, Maps, receive_keys,
};
use tokio::time::{sleep, timeout};

use crate::begun::Begun;
use crate::keys::replica_keys;
use crate::ledger_files::{LedgerFiles, LedgerPlace};
use synod_identity::{AttestedIdentity, IdentityError, log, now_ms};

/// How often, and how far apart, the keys are asked for while the replica asked has not heard of
/// the verdict.
const KEY_ATTEMPTS: u32 = 50;
const KEY_PAUSE: Duration = Duration::from_millis(100);

/// How often all replicas are asked for the ledger, and how far apart.
const LEDGER_ROUNDS: u32 = 5;
const LEDGER_PAUSE: Duration = Duration::from_secs(1);
/// A replica that sends nothing of the ledger for so long is given up.
const LEDGER_STALL: Duration = Duration::from_secs(30);

/// Why this node did not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinerError {
    /// The policy's file cannot be read.
    #[error("the policy `{path}` cannot be read: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The policy is not valid.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Keys or evidence could not be made.
    #[error(transparent)]
    Birth(#[from] IdentityError),
    /// No replica could be verified, or it refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The service answered with something else than the protocol says.
    #[error("the service answered with a malformed {0}")]
    Answer(&'static str),
    /// The keys are not for this replica.
    #[error(transparent)]
    Keys(#[from] KeyRingError),
    /// The ledger that the service sent is damaged.
    #[error("the ledger that was sent is damaged: {0}")]
    Damage(#[from] Damage),
    /// A record of the ledger is refused.
    #[error("the ledger that was sent is refused: {0}")]
    LedgerImport(#[from] ImportError),
    /// The verified ledger cannot be kept on this machine's disk.
    #[error("the ledger cannot be written: {0}")]
    Disk(std::io::Error),
    /// A replica stopped sending.
    #[error("nothing of the ledger came for {} s", LEDGER_STALL.as_secs())]
    Stalled,
    /// The ledger that was sent does not hold this replica's own join.
    #[error(
        "the ledger that was sent ends at transaction {found}, before the join in transaction {joined}"
    )]
    Short {
        /// The newest certified transaction.
        found: u64,
        /// The one that is needed.
        joined: u64,
    },
    /// The ledger ended before its newest record was whole.
    #[error("the ledger that was sent ends in the middle of a record")]
    CutOff,
}

/// Joins the network. Every step is told in the log.
///
/// # Errors
/// [`JoinerError`]; nothing remains of a join that failed, but for the evidence that may stand on
/// the ledger.
pub(crate) async fn join(
    mut own_identity: AttestedIdentity,
    address: Address,
    network: Digest,
    services: Vec<ReplicaUrl>,
    policy: Option<&Path>,
    replaces: Option<u64>,
    place: &LedgerPlace,
) -> Result<Begun, JoinerError> {
    let policy = policy.map(read_policy).transpose()?;
    let trust = Trust::Verified(Box::new(Verifier::new(network, policy)));
    let service = Service::new(
        services,
        trust,
        Some(own_identity.tls_identity()?),
        RetryPolicy::default(),
    )?;
    let collected_ms = now_ms();
    // The vendor's service may be slow, and the nonce is made from a block that must be recent.
    own_identity.rehearse().await?;
    let asked = ask_in_place(&service, &own_identity, network, address, replaces).await?;
    let (attested, trusted_by, id) = asked;
    log::info(
        "join",
        format_args!("trusted as replica {id} by transaction {trusted_by}"),
    );
    let ring = fetch_keys(&service, &own_identity, network).await?;
    if ring.id != id {
        return Err(JoinerError::Answer("key ring"));
    }
    let files = place
        .create(network, &own_identity.identity().public())
        .map_err(JoinerError::Disk)?;
    let taker = Taker::new(network, ring.secrets, files);
    let (machine, files) = taker.fetch_all(&service, trusted_by.seqno).await?;
    let authority_from_ms = block0_time(&machine);
    let boot = Boot {
        id,
        keys: replica_keys(&own_identity),
        machine,
        service_key: ring.service_key.duplicate(),
        kv: Box::new(Maps),
        tuning: Tuning::default(),
        entropy: own_identity.entropy.fork("replica"),
    };
    let service_key = ring.service_key;
    let (identity, tls) = (own_identity.identity(), own_identity.tls());
    Ok(Begun {
        own_identity,
        network,
        boot,
        files: Some(files),
        records: Vec::new(),
        attested,
        collected_ms,
        trusted_by: Some(trusted_by),
        identity,
        tls,
        service_key,
        authority_from_ms,
    })
}

fn read_policy(path: &Path) -> Result<Policy, JoinerError> {
    let text = std::fs::read_to_string(path).map_err(|cause| JoinerError::Read {
        path: path.to_path_buf(),
        cause,
    })?;
    Ok(Policy::from_toml(&text)?)
}

/// The time of block 0, which every replica knows alike.
fn block0_time(machine: &Machine) -> u64 {
    synod_ledger::Block::decode(machine.genesis().clone()).map_or(0, |block| block.header().time_ms)
}

/// Asks to join in the place of a former self; where that is refused, as a replica like any other.
async fn ask_in_place(
    service: &Service,
    own_identity: &AttestedIdentity,
    network: Digest,
    address: Address,
    replaces: Option<u64>,
) -> Result<(AttestedStatement, TxId, u64), JoinerError> {
    let Some(former) = replaces else {
        return ask(service, own_identity, network, address, None).await;
    };
    match ask(service, own_identity, network, address.clone(), replaces).await {
        Err(JoinerError::Client(refused)) if refused.code() == Some(ErrorCode::EvidenceRefused) => {
            log::warn(
                "join",
                format_args!(
                    "not in the place of replica {former}: {refused}; joining without that"
                ),
            );
            ask(service, own_identity, network, address, None).await
        }
        asked => asked,
    }
}

/// Attests this node to the service and waits until the verdict is on the ledger.
async fn ask(
    service: &Service,
    own_identity: &AttestedIdentity,
    network: Digest,
    address: Address,
    replaces: Option<u64>,
) -> Result<(AttestedStatement, TxId, u64), JoinerError> {
    let seen = service.network().await?;
    let hash: Digest = seen
        .certified_hash
        .parse()
        .map_err(|_| JoinerError::Answer("block hash"))?;
    let block = BlockRef {
        index: seen.certified_index,
        hash,
    };
    let identity = own_identity.identity();
    let nonce = join_nonce(&hash, &identity.public());
    let attested = own_identity.attest(network, nonce).await?;
    let request = Join::sign(attested.clone(), block, address, replaces, &identity);
    let body = Input::Join(Box::new(request)).encode();
    let answer = service
        .call(&Request::post_cbor(
            "/v1/join",
            body,
            synod_client::Repeat::Never,
        ))
        .await?;
    let (view, seqno, id) =
        read::<(u64, u64, u64)>(&answer.body).ok_or(JoinerError::Answer("join reply"))?;
    Ok((attested, TxId { view, seqno }, id))
}

/// The answer to a join: `[view, seqno, replica id]`.
pub(crate) fn joined(tx: TxId, id: u64) -> Bytes {
    minicbor::to_vec((tx.view, tx.seqno, id))
        .expect("encoding into memory does not fail")
        .into()
}

async fn fetch_keys(
    service: &Service,
    own_identity: &AttestedIdentity,
    network: Digest,
) -> Result<KeyRing, JoinerError> {
    let identity = own_identity.identity().public();
    let body = minicbor::to_vec(identity).expect("encoding into memory does not fail");
    let request = Request::post_cbor("/v1/join/keys", body, synod_client::Repeat::Freely);
    let answer = trusted_answer(service, &request).await?;
    let sealed: minicbor::bytes::ByteVec =
        read(&answer.body).ok_or(JoinerError::Answer("key reply"))?;
    Ok(receive_keys(
        &sealed,
        &network,
        &identity,
        &own_identity.hpke(),
    )?)
}

/// A replica that has not heard of the verdict yet refuses the keys; it will have in a moment.
async fn trusted_answer(service: &Service, request: &Request) -> Result<Response, ClientError> {
    for _ in 0..KEY_ATTEMPTS {
        match service.call(request).await {
            Err(error) if error.code() == Some(ErrorCode::Forbidden) => sleep(KEY_PAUSE).await,
            outcome => return outcome,
        }
    }
    service.call(request).await
}

/// Reads one item of CBOR that fills the bytes.
pub(crate) fn read<'b, T: minicbor::Decode<'b, ()>>(bytes: &'b [u8]) -> Option<T> {
    let mut decoder = minicbor::Decoder::new(bytes);
    let value = decoder.decode().ok()?;
    (decoder.position() == bytes.len()).then_some(value)
}

/// Takes records in from streams that are cut anywhere, and writes those that are sound.
struct Taker {
    network: Digest,
    import: LedgerImport,
    rest: BytesMut,
    files: LedgerFiles,
}

impl Taker {
    fn new(network: Digest, secrets: Vec<LedgerSecret>, files: LedgerFiles) -> Self {
        Self {
            network,
            import: LedgerImport::new(network, Some(secrets)),
            rest: BytesMut::new(),
            files,
        }
    }

    /// Fetches the whole ledger; if that fails, nothing of it remains.
    async fn fetch_all(
        mut self,
        service: &Service,
        joined: u64,
    ) -> Result<(Machine, LedgerFiles), JoinerError> {
        if let Err(error) = self.fetch_from_any(service, joined).await {
            self.files.remove();
            return Err(error);
        }
        let counts = self.import.counts();
        log::info(
            "join",
            format_args!(
                "verified {} blocks and {} certificates",
                counts.blocks, counts.certificates
            ),
        );
        Ok((self.import.finish()?, self.files))
    }

    /// Fetches the ledger from one replica after the other, each from where this joiner stands,
    /// until transaction `joined` is certified here and the replica at hand had no more to send.
    async fn fetch_from_any(&mut self, service: &Service, joined: u64) -> Result<(), JoinerError> {
        let mut failure = JoinerError::Client(ClientError::NoReplica);
        for round in 0..LEDGER_ROUNDS {
            if round > 0 {
                sleep(LEDGER_PAUSE).await;
            }
            for url in service.replicas() {
                failure = match self.fetch(service, &url).await {
                    Ok(()) if self.certified().1 >= joined => return Ok(()),
                    Ok(()) => JoinerError::Short {
                        found: self.certified().1,
                        joined,
                    },
                    Err(error @ JoinerError::Disk(_)) => return Err(error),
                    Err(error) => error,
                };
                log::warn(
                    "join",
                    format_args!("{url}: {failure}; the next replica is asked for the rest"),
                );
            }
        }
        Err(failure)
    }

    /// Fetches what this joiner does not have from one replica.
    async fn fetch(&mut self, service: &Service, url: &ReplicaUrl) -> Result<(), JoinerError> {
        // What was not certified may have been another branch: the next block takes its place.
        let from = self.certified().0 + 1;
        self.rest.clear();
        let begun = timeout(LEDGER_STALL, service.ledger(url, from)).await;
        let mut stream = begun.map_err(|_| JoinerError::Stalled)??;
        loop {
            let piece = timeout(LEDGER_STALL, stream.next()).await;
            let Some(piece) = piece.map_err(|_| JoinerError::Stalled)?? else {
                break;
            };
            self.rest.extend_from_slice(&piece);
            self.take_whole()?;
        }
        self.files.flush().map_err(JoinerError::Disk)?;
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(JoinerError::CutOff)
        }
    }

    /// Index and newest transaction of the newest certified block; zeros before block 0.
    fn certified(&self) -> (u64, u64) {
        self.import.machine().map_or((0, 0), |machine| {
            let certified = machine.sequence().certified();
            (certified.index, certified.tree_size)
        })
    }

    fn take_whole(&mut self) -> Result<(), JoinerError> {
        let head = SegmentHeader {
            network: self.network,
            first_index: 1,
        }
        .encode();
        let bytes = Bytes::from([&head[..], &self.rest[..]].concat());
        let mut scanner = Scanner::new(bytes.clone())?;
        let mut sound = Vec::new();
        let outcome = loop {
            match scanner.next() {
                Some(Ok(placed)) => match self.import.feed(&placed.record) {
                    Ok(()) => sound.push(bytes.slice(placed.at as usize..placed.end as usize)),
                    Err(error) => break Err(error.into()),
                },
                None | Some(Err(Damage::Torn { .. })) => break Ok(()),
                Some(Err(damage)) => break Err(damage.into()),
            }
        };
        self.files.add(sound).map_err(JoinerError::Disk)?;
        let whole = scanner.valid_len() as usize;
        if whole > SEGMENT_HEADER_LEN {
            let _ = self.rest.split_to(whole - SEGMENT_HEADER_LEN);
        }
        outcome
    }
}
