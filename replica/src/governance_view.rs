//! The members' side of the service, as one state has it.

use bytes::Bytes;
use synod_crypto::Digest;
use synod_governance::{GovernanceRecord, MemberEntry, ServiceRecord, UserEntry, View};
use synod_kv::Read;

use crate::members::{self, sound};

/// The members' side of the service, from certified state.
#[derive(Debug, Clone)]
pub struct GovernanceView {
    /// The service's row.
    pub service: ServiceRecord,
    /// Counters and the diversity rule.
    pub governance: GovernanceRecord,
    /// The members.
    pub members: Vec<MemberEntry>,
    /// The users.
    pub users: Vec<UserEntry>,
    /// The digest of the appraisal policy in force.
    pub policy: Digest,
    /// The action by which the members opened the service, with their signatures, encoded; none
    /// before.
    pub opening: Option<Bytes>,
}

/// The members' side of the service.
pub(crate) fn governance(reader: &impl Read) -> GovernanceView {
    let view = View::new(reader);
    GovernanceView {
        service: members::service(reader),
        governance: sound(view.governance()).expect("a founded network has its row"),
        members: sound(view.members()),
        users: sound(view.users()),
        policy: sound(view.policy()).digest(),
        opening: sound(view.opening_action()).map(|signed| signed.encode().into()),
    }
}
