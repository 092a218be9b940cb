//! Proof that *this* TLS session ends where the attested identity key lives.
//!
//! A certificate shows who holds a TLS key. If that key leaked, somebody else
//! can hold it too and stand between. So each attested side signs, with the
//! identity key that its evidence names, a value that only the two ends of one
//! session know: the TLS exporter (RFC 8446 §7.5). A session that is relayed,
//! or terminated elsewhere, has another exporter at either end.
//!
//! Invariants:
//! - what is signed (`spec/channel.cddl`, `session-message`) begins with a
//!   label, and names mechanism, network, direction and both ends: a proof
//!   holds for one session, one network and one direction, and cannot be
//!   reflected;
//! - the exporter never leaves the process;
//! - [`ProvenSession`] is made by [`SessionClaim::verify`] alone.

use minicbor::{Decoder, Encoder, data::Type};
use rustls::ConnectionCommon;
use synod_crypto::{Digest, PublicKey, Signature, SigningKey};

/// The longest encoded [`SessionProof`], in bytes.
pub const SESSION_PROOF_BYTES_MAX: usize = 256;

const LABEL: &str = "synod-session/1";
const EXPORTER_LABEL: &[u8] = b"EXPERIMENTAL-synod-session-1";
const EXPORTER_LENGTH: usize = 32;
const PROOF_FIELDS: u64 = 7;
const MESSAGE_FIELDS: u64 = 8;

/// How a proof is tied to its TLS session. A seam: when the IETF's SEAT working
/// group has settled a mechanism it becomes another variant, and both ends
/// name in each proof which one they used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionBinding {
    /// A signature over 32 bytes of TLS exporter, after the handshake.
    TlsExporter,
}

impl SessionBinding {
    /// Its name in proofs.
    pub fn name(self) -> &'static str {
        match self {
            Self::TlsExporter => "tls-exporter/1",
        }
    }

    /// The mechanism of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        (name == Self::TlsExporter.name()).then_some(Self::TlsExporter)
    }

    /// What this mechanism binds of a connection.
    ///
    /// # Errors
    /// [`NoSession`], before the handshake is done.
    pub fn session_of<D>(self, connection: &ConnectionCommon<D>) -> Result<Session, NoSession> {
        let Self::TlsExporter = self;
        let value = connection
            .export_keying_material([0; EXPORTER_LENGTH], EXPORTER_LABEL, None)
            .map_err(|_| NoSession)?;
        Ok(Session {
            binding: self,
            value,
        })
    }
}

/// The handshake is not done. The caller is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no TLS session yet")]
pub struct NoSession;

/// One TLS session, by a value that its two ends know and nobody else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Session {
    binding: SessionBinding,
    value: [u8; EXPORTER_LENGTH],
}

impl Session {
    /// The session of a connection, by the mechanism of today.
    ///
    /// # Errors
    /// [`NoSession`], before the handshake is done.
    pub fn of<D>(connection: &ConnectionCommon<D>) -> Result<Self, NoSession> {
        SessionBinding::TlsExporter.session_of(connection)
    }

    /// The session with this exporter, as [`Self::exporter`] gave it.
    pub fn from_exporter(value: [u8; EXPORTER_LENGTH]) -> Self {
        Self {
            binding: SessionBinding::TlsExporter,
            value,
        }
    }

    /// The exporter, to be handed on within the process.
    pub fn exporter(&self) -> [u8; EXPORTER_LENGTH] {
        self.value
    }

    /// The mechanism.
    pub fn binding(&self) -> SessionBinding {
        self.binding
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({}, ..)", self.binding.name())
    }
}

/// Which end of the connection proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The one that opened the connection.
    Opener,
    /// The one that accepted it.
    Acceptor,
}

impl End {
    fn number(self) -> u8 {
        match self {
            Self::Opener => 1,
            Self::Acceptor => 2,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        [Self::Opener, Self::Acceptor]
            .into_iter()
            .find(|end| end.number() == number)
    }
}

/// The party at one end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// A replica, by its id: at the peer door.
    Replica(u64),
    /// The holder of a key, by its SHA-256: at the public door. Of a replica
    /// the identity key, of a caller the key in its certificate.
    Key(Digest),
    /// A caller without a certificate.
    Anybody,
}

/// What a proof is about, but for the session itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionClaim {
    /// The network id; at the door of a founder that waits, the digest of the
    /// genesis manifest.
    pub network: Digest,
    /// The end that proves.
    pub end: End,
    /// Who proves.
    pub from: Party,
    /// To whom.
    pub to: Party,
    /// The other side's nonce, where it sent one.
    pub nonce: Option<[u8; 32]>,
}

/// A claim, signed for one session: `spec/channel.cddl`, `session-proof`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionProof {
    /// The mechanism's name.
    pub binding: String,
    /// As in the claim.
    pub network: Digest,
    /// As in the claim.
    pub end: End,
    /// As in the claim.
    pub from: Party,
    /// As in the claim.
    pub to: Party,
    /// The identity key's signature over claim and session.
    pub signature: Signature,
}

/// The other end of a session proved to hold this identity key in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProvenSession {
    identity: PublicKey,
    claim: SessionClaim,
}

impl ProvenSession {
    /// The identity key.
    pub fn identity(&self) -> PublicKey {
        self.identity
    }

    /// What was proven.
    pub fn claim(&self) -> &SessionClaim {
        &self.claim
    }
}

/// Why a session is not believed. The other end, or who stands between, is at
/// fault; nothing may be sent to it, and nothing read of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionRefused {
    /// The bytes are not a proof, or not in deterministic encoding.
    #[error("session proof is malformed")]
    Malformed,
    /// Its label is of another version.
    #[error("session proof has an unknown version")]
    UnknownVersion,
    /// It is tied to the session by a mechanism that is not known here.
    #[error("session proof uses an unknown mechanism")]
    UnknownBinding,
    /// It is for another network.
    #[error("session proof is for network {0}, which is not the expected one")]
    OtherNetwork(Digest),
    /// It is by the wrong end: one's own proof, sent back.
    #[error("session proof was made by the wrong end of the connection")]
    WrongEnd,
    /// Another party made it than expected.
    #[error("session proof was made by an unexpected party: {0:?}")]
    OtherSender(Party),
    /// It was made for another party.
    #[error("session proof was made for a different party: {0:?}")]
    OtherReceiver(Party),
    /// The identity key did not sign this claim for this session: the session
    /// ends elsewhere, or the key is another one.
    #[error("the identity key did not sign this TLS session: the session ends at another machine")]
    NotThisSession,
}

impl SessionClaim {
    /// Signs the claim for `session` with the identity key.
    pub fn prove(&self, key: &SigningKey, session: &Session) -> SessionProof {
        SessionProof {
            binding: session.binding.name().to_owned(),
            network: self.network,
            end: self.end,
            from: self.from,
            to: self.to,
            signature: key.sign(&self.message(session)),
        }
    }

    /// Checks that the holder of `identity` made `proof` of this very claim,
    /// in this very session.
    ///
    /// # Errors
    /// [`SessionRefused`] names what differs.
    pub fn verify(
        &self,
        identity: &PublicKey,
        session: &Session,
        proof: &SessionProof,
    ) -> Result<ProvenSession, SessionRefused> {
        if SessionBinding::from_name(&proof.binding) != Some(session.binding) {
            return Err(SessionRefused::UnknownBinding);
        }
        if proof.network != self.network {
            return Err(SessionRefused::OtherNetwork(proof.network));
        }
        if proof.end != self.end {
            return Err(SessionRefused::WrongEnd);
        }
        if proof.from != self.from {
            return Err(SessionRefused::OtherSender(proof.from));
        }
        if proof.to != self.to {
            return Err(SessionRefused::OtherReceiver(proof.to));
        }
        self.verify_signature(identity, session, &proof.signature)
    }

    /// The same for a proof of which only the signature was sent, because
    /// everything else is known to both ends.
    ///
    /// # Errors
    /// [`SessionRefused::NotThisSession`].
    pub fn verify_signature(
        &self,
        identity: &PublicKey,
        session: &Session,
        signature: &Signature,
    ) -> Result<ProvenSession, SessionRefused> {
        identity
            .verify(&self.message(session), signature)
            .map_err(|_| SessionRefused::NotThisSession)?;
        Ok(ProvenSession {
            identity: *identity,
            claim: *self,
        })
    }

    fn message(&self, session: &Session) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::with_capacity(SESSION_PROOF_BYTES_MAX));
        self.write_message(&mut encoder, session)
            .expect("writing to memory does not fail");
        encoder.into_writer()
    }

    fn write_message(&self, encoder: &mut Encoder<Vec<u8>>, session: &Session) -> Written {
        encoder
            .array(MESSAGE_FIELDS)?
            .str(LABEL)?
            .str(session.binding.name())?
            .encode(self.network)?
            .u8(self.end.number())?;
        write_party(encoder, self.from)?;
        write_party(encoder, self.to)?;
        match &self.nonce {
            Some(nonce) => encoder.bytes(nonce)?,
            None => encoder.null()?,
        };
        encoder.bytes(&session.value)?.ok()
    }
}

type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

impl SessionProof {
    /// The encoding, without the length before it.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::with_capacity(SESSION_PROOF_BYTES_MAX));
        self.write(&mut encoder)
            .expect("writing to memory does not fail");
        encoder.into_writer()
    }

    /// Decodes the deterministic encoding, and nothing else.
    ///
    /// # Errors
    /// [`SessionRefused::Malformed`] or [`SessionRefused::UnknownVersion`].
    pub fn decode(bytes: &[u8]) -> Result<Self, SessionRefused> {
        if bytes.len() > SESSION_PROOF_BYTES_MAX {
            return Err(SessionRefused::Malformed);
        }
        let mut decoder = Decoder::new(bytes);
        let label = Self::label(&mut decoder).map_err(|_| SessionRefused::Malformed)?;
        if label != LABEL {
            return Err(SessionRefused::UnknownVersion);
        }
        let proof = Self::read(&mut decoder).map_err(|_| SessionRefused::Malformed)?;
        if proof.encode() != bytes {
            return Err(SessionRefused::Malformed);
        }
        Ok(proof)
    }

    fn write(&self, encoder: &mut Encoder<Vec<u8>>) -> Written {
        encoder
            .array(PROOF_FIELDS)?
            .str(LABEL)?
            .str(&self.binding)?
            .encode(self.network)?
            .u8(self.end.number())?;
        write_party(encoder, self.from)?;
        write_party(encoder, self.to)?;
        encoder.encode(self.signature)?.ok()
    }

    fn label<'b>(decoder: &mut Decoder<'b>) -> Result<&'b str, minicbor::decode::Error> {
        if decoder.array()? != Some(PROOF_FIELDS) {
            return Err(minicbor::decode::Error::message("another number of fields"));
        }
        decoder.str()
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, minicbor::decode::Error> {
        let unknown = || minicbor::decode::Error::message("an unknown end");
        Ok(Self {
            binding: decoder.str()?.to_owned(),
            network: decoder.decode()?,
            end: End::from_number(decoder.u8()?).ok_or_else(unknown)?,
            from: read_party(decoder)?,
            to: read_party(decoder)?,
            signature: decoder.decode()?,
        })
    }
}

fn write_party(encoder: &mut Encoder<Vec<u8>>, party: Party) -> Written {
    match party {
        Party::Replica(id) => encoder.u64(id)?,
        Party::Key(digest) => encoder.encode(digest)?,
        Party::Anybody => encoder.null()?,
    };
    Ok(())
}

fn read_party(decoder: &mut Decoder<'_>) -> Result<Party, minicbor::decode::Error> {
    Ok(match decoder.datatype()? {
        Type::Null => {
            decoder.null()?;
            Party::Anybody
        }
        Type::Bytes => Party::Key(decoder.decode()?),
        _ => Party::Replica(decoder.u64()?),
    })
}
