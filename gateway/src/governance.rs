//! What the members decide, and who joins: requests, answers, and how they stand in HTTP.

use bytes::Bytes;
use http::request::Parts;
use hyper::body::Body;
use synod_api::limits::{ACTION_BYTES_MAX, ACTION_SIGNATURES_MAX};
use synod_api::{ActionReply, ActionRequest, ErrorCode, GovernanceReply, headers};

use crate::body::{Bounds, read_json, read_whole};
use crate::conditions::media_type;
use crate::parameters::parameters;
use crate::refusal::{Refused, refuse};
use crate::rendered::{Rendered, bytes, json};

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// How governance stands. Answer: [`Reply::Description`].
    Describe,
    /// A signed act. Answer: [`Reply::Acted`].
    Act {
        /// COSE_Sign1 messages of members.
        signatures: Vec<Bytes>,
        /// Whether the answer holds the receipt.
        receipt: bool,
    },
    /// A join request, in CBOR. Answer: [`Reply::Cbor`].
    Join(Bytes),
    /// A request for keys of a trusted joiner, in CBOR. Answer: [`Reply::Cbor`].
    JoinKeys(Bytes),
    /// The members' approvals for a founder, in CBOR. Answer: [`Reply::Cbor`].
    Bootstrap(Bytes),
}

/// The answer to a [`Call`].
#[derive(Debug)]
pub enum Reply {
    /// How governance stands.
    Description(Box<GovernanceReply>),
    /// An act is committed.
    Acted(ActionReply),
    /// An answer in CBOR, of the same family as the request.
    Cbor(Bytes),
}

impl Reply {
    /// About how many bytes the answer holds until it is sent.
    pub(crate) fn held_bytes(&self) -> usize {
        match self {
            Self::Cbor(bytes) => bytes.len(),
            Self::Description(_) | Self::Acted(_) => 0,
        }
    }

    /// The answer in HTTP.
    pub(crate) fn render(self) -> Rendered {
        match self {
            Self::Description(reply) => json(&reply),
            Self::Acted(reply) => json(&reply).about(reply.transaction_id),
            Self::Cbor(cbor) => bytes(cbor, headers::CBOR),
        }
    }
}

/// A path of this domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Governance,
    Actions,
    Join,
    JoinKeys,
    Bootstrap,
}

impl Place {
    /// The place of a path, if it is of this domain.
    pub(crate) fn find(path: &str) -> Option<Self> {
        Some(match path {
            "/v1/governance" => Self::Governance,
            "/v1/governance/actions" => Self::Actions,
            "/v1/join" => Self::Join,
            "/v1/join/keys" => Self::JoinKeys,
            "/v1/bootstrap" => Self::Bootstrap,
            _ => return None,
        })
    }

    /// The methods of this place, as the header `Allow` lists them.
    pub(crate) fn allow(self) -> &'static str {
        match self {
            Self::Governance => "GET, HEAD",
            Self::Actions | Self::Join | Self::JoinKeys | Self::Bootstrap => "POST",
        }
    }

    /// Reads a request without a body.
    pub(crate) fn read(self, parts: &Parts) -> Result<Call, Refused> {
        assert_eq!(self, Self::Governance, "all others have a body");
        parameters(parts, &[])?;
        Ok(Call::Describe)
    }

    /// Reads a request with a body.
    pub(crate) async fn read_with_body<B>(
        self,
        parts: &Parts,
        body: B,
        bounds: Bounds<'_>,
    ) -> Result<Call, Refused>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let call = match self {
            Self::Governance => unreachable!("it takes no body"),
            Self::Actions => return read_act(parts, body, bounds).await,
            Self::Join => Call::Join,
            Self::JoinKeys => Call::JoinKeys,
            Self::Bootstrap => Call::Bootstrap,
        };
        read_cbor(call, parts, body, bounds).await
    }
}

async fn read_act<B>(parts: &Parts, body: B, bounds: Bounds<'_>) -> Result<Call, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    media_type(&parts.headers, headers::JSON)?;
    let receipt = parameters(parts, &["receipt"])?.receipt()?;
    let request: ActionRequest = read_json(body, bounds).await?;
    Ok(Call::Act {
        signatures: read_signatures(request)?,
        receipt,
    })
}

/// Reads a body in CBOR, for the request that it belongs to.
async fn read_cbor<B>(
    call: fn(Bytes) -> Call,
    parts: &Parts,
    body: B,
    bounds: Bounds<'_>,
) -> Result<Call, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    media_type(&parts.headers, headers::CBOR)?;
    parameters(parts, &[])?;
    read_whole(body, bounds).await.map(call)
}

fn read_signatures(request: ActionRequest) -> Result<Vec<Bytes>, Refused> {
    let count = request.signatures.len();
    if count == 0 || count > ACTION_SIGNATURES_MAX {
        let detail = format!("an action has 1 to {ACTION_SIGNATURES_MAX} signatures, not {count}");
        return Err(refuse(ErrorCode::InvalidBody, detail));
    }
    if request
        .signatures
        .iter()
        .any(|signed| signed.0.len() > ACTION_BYTES_MAX)
    {
        let detail = format!("a signed action has at most {ACTION_BYTES_MAX} bytes");
        return Err(refuse(ErrorCode::BodyTooLarge, detail));
    }
    Ok(request
        .signatures
        .into_iter()
        .map(|signed| signed.0)
        .collect())
}
