//! What two replicas say to each other before the first frame: each proves that the TLS session
//! ends at the identity key which the ledger names for it.
//!
//! Invariants
//! - both ends send their proof first and read then, so neither waits for the other;
//! - no byte beyond the other's proof is read, and none but the own proof is sent, until it is
//!   verified.

use std::sync::Arc;

use synod_channel::{
    End, Party, PeerKeys, ProvenSession, SESSION_PROOF_BYTES_MAX, Session, SessionClaim,
    SessionProof,
};
use synod_crypto::{Digest, SigningKey};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// This replica, as it proves itself.
#[derive(Clone)]
pub(crate) struct Prover {
    pub(crate) network: Digest,
    pub(crate) id: u64,
    pub(crate) identity: Arc<SigningKey>,
}

impl Prover {
    /// Proves this end of `session`, which is the end `mine`, to replica `peer`, and has the other
    /// proven by the identity key in `keys`. None if the other proves nothing or something else:
    /// then the connection must end.
    pub(crate) async fn exchange(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        session: Session,
        mine: End,
        peer: u64,
        keys: &PeerKeys,
    ) -> Option<ProvenSession> {
        let (us, them) = (Party::Replica(self.id), Party::Replica(peer));
        let proof = self.claim(mine, us, them).prove(&self.identity, &session);
        send(stream, &proof).await.ok()?;
        let theirs = receive(stream).await?;
        let other = match mine {
            End::Opener => End::Acceptor,
            End::Acceptor => End::Opener,
        };
        self.claim(other, them, us)
            .verify(&keys.identity, &session, &theirs)
            .ok()
    }

    fn claim(&self, end: End, from: Party, to: Party) -> SessionClaim {
        SessionClaim {
            network: self.network,
            end,
            from,
            to,
            nonce: None,
        }
    }
}

async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    proof: &SessionProof,
) -> Result<(), std::io::Error> {
    let bytes = proof.encode();
    let length = u32::try_from(bytes.len()).expect("a proof has a few hundred bytes");
    stream
        .write_all(&[&length.to_be_bytes(), bytes.as_slice()].concat())
        .await?;
    stream.flush().await
}

async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> Option<SessionProof> {
    let length = usize::try_from(stream.read_u32().await.ok()?).ok()?;
    if length > SESSION_PROOF_BYTES_MAX {
        return None;
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.ok()?;
    SessionProof::decode(&bytes).ok()
}
