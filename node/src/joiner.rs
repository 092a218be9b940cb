//! How a joiner comes to be (DESIGN §5.3): mutual attestation, keys, the whole ledger verified, then a learner.
//!
//! 1. The joiner verifies the service as a client would: evidence, chain from the pinned network id, TLS key.
//! 2. It attests itself with a nonce made from a recent certified block, and asks to join; the verdict on it goes
//!    on the ledger.
//! 3. It asks for the keys, which come sealed to the key that its statement names.
//! 4. It fetches the ledger and checks every record, as an audit would, private half included.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use synod_api::ErrorCode;
use synod_attestation::{Policy, PolicyError};
use synod_client::{
    ClientError, Patience, ReplicaUrl, Request, Response, Service, Trust, Verifier,
};
use synod_consensus::Tuning;
use synod_crypto::Digest;
use synod_governance::{Address, AttestedStatement, BlockRef, Input, Join, join_nonce};
use synod_ledger::{Damage, LedgerSecret, SEGMENT_HEADER_LEN, Scanner, SegmentHeader, TxId};
use synod_replica::{Boot, Intake, IntakeError, KeyRing, KeyRingError, KvApp, receive_keys};
use tokio::time::sleep;

use crate::begun::Begun;
use crate::born::{BirthError, Born};
use crate::clock::now_ms;
use crate::log;

/// How often, and how far apart, the keys are asked for while the replica asked has not heard of the verdict.
const KEY_ATTEMPTS: u32 = 50;
const KEY_PAUSE: Duration = Duration::from_millis(100);

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
    Birth(#[from] BirthError),
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
    Intake(#[from] IntakeError),
    /// The ledger ended before its newest record was whole.
    #[error("the ledger that was sent ends in the middle of a record")]
    CutOff,
}

/// Joins the network. Every step is told in the log.
///
/// # Errors
/// [`JoinerError`]; nothing remains of a join that failed, but for the evidence that may stand on the ledger.
pub(crate) async fn join(
    mut born: Born,
    address: Address,
    network: Digest,
    services: Vec<ReplicaUrl>,
    policy: Option<&Path>,
    replaces: Option<u64>,
) -> Result<Begun, JoinerError> {
    let policy = policy.map(read_policy).transpose()?;
    let trust = Trust::Verified(Box::new(Verifier::new(network, policy)));
    let service = Service::new(
        services,
        trust,
        Some(born.tls_identity()?),
        Patience::default(),
    )?;
    let collected_ms = now_ms();
    // The vendor's service may be slow, and the nonce is made from a block that must be recent.
    born.rehearse().await?;
    let asked = ask_in_place(&service, &born, network, address, replaces).await?;
    let (attested, trusted_by, id) = asked;
    log::info(
        "join",
        format_args!("trusted as replica {id} by transaction {trusted_by}"),
    );
    let ring = fetch_keys(&service, &born, network).await?;
    if ring.id != id {
        return Err(JoinerError::Answer("key ring"));
    }
    let (intake, records) = fetch_ledger(&service, network, ring.secrets).await?;
    let counts = intake.counts();
    log::info(
        "join",
        format_args!(
            "verified {} blocks and {} certificates",
            counts.blocks, counts.certificates
        ),
    );
    let machine = intake.finish()?;
    let authority_from_ms = block0_time(&machine);
    let boot = Boot {
        id,
        keys: born.keys(),
        machine,
        service_key: ring.service_key.duplicate(),
        app: Box::new(KvApp),
        tuning: Tuning::default(),
        entropy: born.entropy.fork("replica"),
    };
    let service_key = ring.service_key;
    let (identity, tls) = (born.identity(), born.tls());
    Ok(Begun {
        born,
        network,
        boot,
        records,
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
fn block0_time(machine: &synod_replica::Machine) -> u64 {
    synod_ledger::Block::decode(machine.genesis().clone()).map_or(0, |block| block.header().time_ms)
}

/// Asks to join in the place of a former self; where that is refused, as a replica like any other.
async fn ask_in_place(
    service: &Service,
    born: &Born,
    network: Digest,
    address: Address,
    replaces: Option<u64>,
) -> Result<(AttestedStatement, TxId, u64), JoinerError> {
    let Some(former) = replaces else {
        return ask(service, born, network, address, None).await;
    };
    match ask(service, born, network, address.clone(), replaces).await {
        Err(JoinerError::Client(refused)) if refused.code() == Some(ErrorCode::EvidenceRefused) => {
            log::warn(
                "join",
                format_args!(
                    "not in the place of replica {former}: {refused}; joining without that"
                ),
            );
            ask(service, born, network, address, None).await
        }
        asked => asked,
    }
}

/// Attests this node to the service and waits until the verdict is on the ledger.
async fn ask(
    service: &Service,
    born: &Born,
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
    let identity = born.identity();
    let nonce = join_nonce(&hash, &identity.public());
    let attested = born.attest(network, nonce).await?;
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
    born: &Born,
    network: Digest,
) -> Result<KeyRing, JoinerError> {
    let identity = born.identity().public();
    let body = minicbor::to_vec(identity).expect("encoding into memory does not fail");
    let request = Request::post_cbor("/v1/join/keys", body, synod_client::Repeat::Freely);
    let answer = trusted_answer(service, &request).await?;
    let sealed: minicbor::bytes::ByteVec =
        read(&answer.body).ok_or(JoinerError::Answer("key reply"))?;
    Ok(receive_keys(&sealed, &network, &identity, &born.hpke())?)
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

/// Fetches the ledger from the replica that leads and checks each record as it comes.
async fn fetch_ledger(
    service: &Service,
    network: Digest,
    secrets: Vec<LedgerSecret>,
) -> Result<(Intake, Vec<Bytes>), JoinerError> {
    let from = service
        .replicas()
        .into_iter()
        .next()
        .ok_or(ClientError::NoReplica)?;
    let mut stream = service.ledger(&from, 1).await?;
    let mut taker = Taker {
        intake: Intake::new(network, Some(secrets)),
        rest: BytesMut::new(),
        records: Vec::new(),
    };
    while let Some(piece) = stream.next().await? {
        taker.rest.extend_from_slice(&piece);
        taker.take_whole(network)?;
    }
    if taker.rest.is_empty() {
        Ok((taker.intake, taker.records))
    } else {
        Err(JoinerError::CutOff)
    }
}

/// Takes records in from a stream that is cut anywhere.
struct Taker {
    intake: Intake,
    rest: BytesMut,
    records: Vec<Bytes>,
}

impl Taker {
    fn take_whole(&mut self, network: Digest) -> Result<(), JoinerError> {
        let head = SegmentHeader {
            network,
            first_index: 1,
        }
        .encode();
        let bytes = Bytes::from([&head[..], &self.rest[..]].concat());
        let mut scanner = Scanner::new(bytes.clone())?;
        loop {
            match scanner.next() {
                Some(Ok(placed)) => {
                    self.intake.feed(&placed.record)?;
                    self.records
                        .push(bytes.slice(placed.at as usize..placed.end as usize));
                }
                None | Some(Err(Damage::Torn { .. })) => break,
                Some(Err(damage)) => return Err(damage.into()),
            }
        }
        let whole = scanner.valid_len() as usize;
        if whole > SEGMENT_HEADER_LEN {
            let _ = self.rest.split_to(whole - SEGMENT_HEADER_LEN);
        }
        Ok(())
    }
}
