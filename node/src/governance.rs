//! The door's calls about governance: acts of members, and replicas that join.

use bytes::Bytes;
use synod_api::{ActionReply, Base64, ErrorCode, Problem};
use synod_crypto::sha256;
use synod_gateway::Answer;
use synod_gateway::governance::{Call, Reply};
use synod_governance::{ReplicaRecord, SignedAction};
use synod_replica::governance::{Recorded, Request};
use synod_replica::{CallError, Caller};

use crate::running::Running;
use crate::{joiner, views};

impl Running {
    /// Answers a call about governance.
    pub(crate) async fn governance(&self, caller: Caller, call: Call) -> Answer<Reply> {
        match call {
            Call::Describe => {
                let network = self.network;
                let view = self.core.look(|replica| replica.governance_view()).await?;
                let reply = views::governance(network, &view);
                Ok(Reply::Description(Box::new(reply)))
            }
            Call::Act {
                signatures,
                receipt,
            } => self.act(caller, signatures, receipt).await,
            Call::Join(request) => self.join(caller, request).await,
            Call::JoinKeys(identity) => self.keys(caller, &identity).await,
            Call::Bootstrap(_) => Err(ErrorCode::AlreadyDone.into()),
        }
    }

    async fn act(&self, caller: Caller, signatures: Vec<Bytes>, receipt: bool) -> Answer<Reply> {
        let signed = SignedAction::combine(signatures.iter().map(|signature| signature.to_vec()));
        let act = Request::Act(signed.encode().into());
        let Recorded { tx, .. } = self.ask(caller, act).await?;
        let sequence = self
            .core
            .look(move |replica| views::sequence_of(replica, tx))
            .await?
            .unwrap_or_default();
        let receipt = if receipt {
            self.receipt_file(caller, tx).await
        } else {
            None
        };
        Ok(Reply::Acted(ActionReply {
            transaction_id: tx,
            sequence,
            receipt: receipt.map(Base64),
        }))
    }

    async fn join(&self, caller: Caller, request: Bytes) -> Answer<Reply> {
        // Evidence is judged on the thread that orders everything: one joiner at a time.
        let _turn = self.joins.acquire().await;
        match self.core.ask(caller, Request::Join(request)).await? {
            Ok(Recorded { tx, replica }) => {
                let id = replica.expect("a join has the joiner's id");
                Ok(Reply::Cbor(joiner::joined(tx, id)))
            }
            Err(CallError::Governance(refusal)) => Err(Problem::new(ErrorCode::EvidenceRefused)
                .with_detail(refusal.to_string())
                .with_reason(refusal.code())
                .into()),
            Err(error) => Err(self.refusal(&error)),
        }
    }

    async fn keys(&self, caller: Caller, identity: &[u8]) -> Answer<Reply> {
        let identity = joiner::read(identity).ok_or_else(|| {
            Problem::new(ErrorCode::InvalidBody)
                .with_detail("the body is not an identity key in CBOR")
        })?;
        // Sealed to that replica all the same; but sealing costs, so only its own TLS key may ask
        // for it.
        let sealed = self
            .core
            .look(move |replica| {
                let is_asker = |record: &ReplicaRecord| {
                    record.identity() == identity
                        && Some(sha256(&[&record.statement.tls])) == caller.fingerprint
                };
                let known = replica.network_view().replicas.iter().any(is_asker);
                known
                    .then(|| replica.keys_for(&identity))
                    .and_then(Result::ok)
            })
            .await?;
        let sealed = sealed.ok_or_else(|| {
            Problem::new(ErrorCode::Forbidden).with_detail(
                "no trusted replica has this identity key and the TLS key of this connection",
            )
        })?;
        let bytes = minicbor::to_vec(minicbor::bytes::ByteVec::from(sealed))
            .expect("encoding into memory does not fail");
        Ok(Reply::Cbor(bytes.into()))
    }
}
