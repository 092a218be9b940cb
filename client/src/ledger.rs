//! What a client asks of the ledger, and how it checks the answers offline.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use synod_api::{ConsistencyReply, TxId, TxReply, TxStatus};
use synod_crypto::Digest;
use synod_ledger::{
    AnswerError, Chain, Committed, Malformed, Receipt, ReceiptError, ReceiptPolicy, Transaction,
};

use crate::bound::Bound;
use crate::chain::read_chain;
use crate::connection::Connection;
use crate::error::ClientError;
use crate::request::{Request, Response};
use crate::service::Service;
use crate::url::ReplicaUrl;

impl Service {
    /// How far a transaction is.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn transaction_status(&self, id: TxId) -> Result<TxStatus, ClientError> {
        let reply: TxReply = self
            .call(&Request::get(format!("/v1/tx/{id}")))
            .await?
            .json()?;
        Ok(reply.status)
    }

    /// The receipt file of a committed transaction, not verified yet: see [`verify_receipt`].
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn receipt(&self, id: TxId) -> Result<Bytes, ClientError> {
        Ok(self
            .call(&Request::get(format!("/v1/receipts/{id}")))
            .await?
            .body)
    }

    /// Asks for the receipt of the same transaction again, under the newest configuration. What the
    /// old file opens and the new one does not is taken over: both are of the same leaf. Not
    /// verified yet: see [`verify_receipt`].
    ///
    /// # Errors
    /// [`RenewFailure`].
    pub async fn renew_receipt(&self, file: &[u8]) -> Result<Bytes, RenewFailure> {
        let old = Receipt::decode(file).map_err(RenewFailure::Malformed)?;
        let renewed = self.receipt(old.leaf.id()).await?;
        let mut renewed = Receipt::decode(&renewed).map_err(RenewFailure::Answer)?;
        if renewed.leaf != old.leaf {
            let id = old.leaf.id();
            return Err(RenewFailure::OtherLeaf { id });
        }
        renewed.opening = renewed.opening.or(old.opening);
        renewed.public = renewed.public.or(old.public);
        Ok(renewed.encode())
    }

    /// The chain of configurations as the service reports it, followed from the pin.
    ///
    /// # Errors
    /// [`ClientError`]; a chain that does not hold is a bad answer, and one that ends before what
    /// this client has seen is not verified.
    pub async fn chain(&self, network: Digest) -> Result<Chain, ClientError> {
        let response = self.call(&Request::get("/v1/chain")).await?;
        let chain = read_chain(network, &response.body)
            .map_err(|failure| response.bad(failure.to_string()))?;
        self.remember_chain(&response.url, chain).await
    }

    /// A consistency proof (RFC 9162 section 2.1.4) from the tree of `from` transactions to that of
    /// `to`, or of all that the replica knows to be certified. Not verified yet: see
    /// [`synod_ledger::verify_consistency`], with two roots that are.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn consistency(
        &self,
        from: u64,
        to: Option<u64>,
    ) -> Result<ConsistencyReply, ClientError> {
        let to = to.map_or_else(String::new, |to| format!("&to={to}"));
        let request = Request::get(format!("/v1/consistency?from={from}{to}"));
        self.call(&request).await?.json()
    }

    /// The chain file, as the service tells it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn chain_file(&self) -> Result<Bytes, ClientError> {
        Ok(self.call(&Request::get("/v1/chain")).await?.body)
    }

    /// The ledger's records from block `from` (1 is block 0) up to the newest certificate of this
    /// replica, in pieces as they arrive. Nothing of them is checked here.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn ledger(&self, url: &ReplicaUrl, from: u64) -> Result<LedgerStream, ClientError> {
        let connection = self.connection_for(url, false).await?;
        let answer = connection
            .begin(&Request::get(format!("/v1/ledger?from={from}")))
            .await?;
        let (head, body) = answer.into_parts();
        if head.status.is_success() {
            return Ok(LedgerStream { connection, body });
        }
        let response = Response {
            url: url.clone(),
            status: head.status,
            headers: head.headers,
            body: Bytes::new(),
        };
        Err(response.bad(format!("status {} instead of the ledger", head.status)))
    }
}

/// The ledger's records as they arrive.
#[derive(Debug)]
pub struct LedgerStream {
    connection: Connection,
    body: Incoming,
}

impl LedgerStream {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`ClientError::Lost`], if the stream is cut off.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| self.connection.lost(&error))?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

/// Why a receipt does not prove what the caller wants proven.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptFailure {
    /// The file is not a receipt.
    #[error("the receipt cannot be read: {0}")]
    Malformed(#[from] Malformed),
    /// It does not prove that the transaction is committed.
    #[error(transparent)]
    Refused(#[from] ReceiptError),
    /// It proves another transaction than the one asked for.
    #[error("the receipt is for transaction {found}, expected {expected}")]
    OtherTransaction {
        /// The one asked for.
        expected: TxId,
        /// The one proven.
        found: TxId,
    },
    /// It proves another request or another answer.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

impl ReceiptFailure {
    /// Whether the given chain is newer than the receipt, or was opened after it was made: an
    /// honest one proves the same once it is renewed.
    pub fn is_superseded(&self) -> bool {
        use ReceiptError::{BeforeOpening, Superseded};
        match self {
            Self::Refused(BeforeOpening { opened, .. }) => opened.is_some(),
            Self::Refused(Superseded { .. }) => true,
            _ => false,
        }
    }

    /// Whether it was made before the members opened the network.
    pub fn is_before_opening(&self) -> bool {
        matches!(self, Self::Refused(ReceiptError::BeforeOpening { .. }))
    }
}

/// Why a receipt is not renewed. The file that it was to replace stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum RenewFailure {
    /// The service gives none.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The old file is not a receipt. The caller is at fault.
    #[error("the receipt cannot be read: {0}")]
    Malformed(Malformed),
    /// What the service gave is not a receipt.
    #[error("the service did not return a receipt: {0}")]
    Answer(Malformed),
    /// The service has something else under this transaction's id than the receipt was given for.
    /// One of the two histories is false.
    #[error("the service has a different transaction with the id {id} than the receipt proves")]
    OtherLeaf {
        /// The id.
        id: TxId,
    },
}

/// Verifies a receipt file offline.
///
/// # Errors
/// [`ReceiptFailure`].
pub fn verify_receipt(
    file: &[u8],
    chain: &Chain,
    policy: &ReceiptPolicy,
) -> Result<Committed<Transaction>, ReceiptFailure> {
    Ok(Receipt::decode(file)?.verify(chain, policy)?)
}

/// Verifies that a receipt file proves the transaction `id`, with this request and this answer.
///
/// # Errors
/// [`ReceiptFailure`].
pub fn verify_answer(
    file: &[u8],
    chain: &Chain,
    policy: &ReceiptPolicy,
    expected: TxId,
    bound: &Bound,
) -> Result<Committed<Transaction>, ReceiptFailure> {
    let committed = verify_receipt(file, chain, policy)?;
    let found = committed.id();
    if found != expected {
        return Err(ReceiptFailure::OtherTransaction { expected, found });
    }
    bound.check(&committed)?;
    Ok(committed)
}
