//! Acts of the members: enough of them sign the same act, and one hands it in.

use bytes::Bytes;
use synod_api::ActionReply;
use synod_client::Service;
use synod_crypto::Digest;
use synod_governance::{Act, Action};

use crate::member_key::MemberKey;
use crate::outcome::Outcome;

/// Has `members` sign the act, and waits until it is committed.
pub(crate) async fn act(
    service: &Service,
    network: Digest,
    members: &[MemberKey],
    act: Act,
) -> Outcome<ActionReply> {
    let sequence = service.governance().await?.next_sequence;
    let action = Action {
        network,
        sequence,
        act,
    };
    let signatures = members
        .iter()
        .map(|member| Bytes::from(action.sign(&member.signing_key())))
        .collect();
    Ok(service.act(signatures).await?)
}
