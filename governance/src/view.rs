//! Reading governance state, from a snapshot or within a transaction.

use synod_attestation::Policy;
use synod_crypto::{Digest, PublicKey};
use synod_kv::{Bytes, Read};

use crate::act::SignedAction;
use crate::app::{AppName, AppRecord};
use crate::entries::{MemberEntry, UserEntry};
use crate::facts::VoterEntry;
use crate::input::Input;
use crate::lapse::{self, Lapsed};
use crate::records::{GovernanceRecord, ReplicaRecord, ReplicaStatus, ServiceRecord};
use crate::tables::{self, CorruptState, GOVERNANCE, POLICY, SERVICE, map};
use crate::wrap::WrappedSecret;

/// Governance as one state has it.
///
/// Every method fails only if our own state is corrupt. Before the network is
/// founded, lists are empty and [`View::service`] is `None`.
#[derive(Debug)]
pub struct View<'a, R> {
    reader: &'a R,
}

impl<'a, R: Read> View<'a, R> {
    /// Looks at one state.
    pub fn new(reader: &'a R) -> Self {
        Self { reader }
    }

    /// The service as a whole, once it is founded.
    pub fn service(&self) -> Result<Option<ServiceRecord>, CorruptState> {
        tables::row(self.reader, map::SERVICE, SERVICE)
    }

    /// Whether users are let in.
    pub fn is_open(&self) -> Result<bool, CorruptState> {
        Ok(self.service()?.is_some_and(|service| service.is_open()))
    }

    /// The action by which the members opened the service, as they signed it; `None` before.
    pub fn opening_action(&self) -> Result<Option<SignedAction>, CorruptState> {
        let Some(opening) = self.service()?.and_then(|service| service.opening) else {
            return Ok(None);
        };
        match self.input(opening.seqno)? {
            Some(Input::Action(signed)) => Ok(Some(signed)),
            _ => Err(CorruptState::missing(map::INPUTS)),
        }
    }

    /// The counters and the diversity rule, once the network is founded.
    pub fn governance(&self) -> Result<Option<GovernanceRecord>, CorruptState> {
        tables::row(self.reader, map::GOVERNANCE, GOVERNANCE)
    }

    /// The number that the next action must have; 0 before the network is founded.
    pub fn next_sequence(&self) -> Result<u64, CorruptState> {
        Ok(self
            .governance()?
            .map_or(0, |governance| governance.next_sequence))
    }

    /// The number of the newest configuration written; it may not be in force yet.
    pub fn configuration_number(&self) -> Result<Option<u64>, CorruptState> {
        Ok(self
            .governance()?
            .map(|governance| governance.configuration))
    }

    /// The ledger's encoding of a configuration.
    pub fn configuration(&self, number: u64) -> Option<Bytes> {
        let found = self
            .reader
            .get(&tables::name(map::CONFIGURATIONS), &number.to_be_bytes());
        found.map(|found| found.value)
    }

    /// The members, in the order of their shares.
    pub fn members(&self) -> Result<Vec<MemberEntry>, CorruptState> {
        tables::rows(self.reader, map::MEMBERS)
    }

    /// The member whose TLS certificate has this fingerprint.
    pub fn member_by_fingerprint(
        &self,
        fingerprint: &Digest,
    ) -> Result<Option<MemberEntry>, CorruptState> {
        let members = self.members()?;
        Ok(members
            .into_iter()
            .find(|member| member.tls.as_ref() == Some(fingerprint)))
    }

    /// The users, by name.
    pub fn users(&self) -> Result<Vec<UserEntry>, CorruptState> {
        tables::rows(self.reader, map::USERS)
    }

    /// A user, by name.
    pub fn user(&self, name: &str) -> Result<Option<UserEntry>, CorruptState> {
        tables::row(self.reader, map::USERS, name.as_bytes())
    }

    /// The user whose TLS certificate has this fingerprint.
    pub fn user_by_fingerprint(
        &self,
        fingerprint: &Digest,
    ) -> Result<Option<UserEntry>, CorruptState> {
        let name: Option<String> =
            tables::row(self.reader, map::FINGERPRINTS, fingerprint.as_bytes())?;
        let Some(name) = name else { return Ok(None) };
        let user = self.user(&name)?;
        user.map(Some).ok_or(CorruptState::missing(map::USERS))
    }

    /// All replicas, past and present, by id.
    pub fn replicas(&self) -> Result<Vec<ReplicaRecord>, CorruptState> {
        tables::rows(self.reader, map::REPLICAS)
    }

    /// A replica.
    pub fn replica(&self, id: u64) -> Result<Option<ReplicaRecord>, CorruptState> {
        tables::row(self.reader, map::REPLICAS, &id.to_be_bytes())
    }

    /// The replica that has, or had, this identity key.
    pub fn replica_by_identity(
        &self,
        identity: &PublicKey,
    ) -> Result<Option<ReplicaRecord>, CorruptState> {
        let id: Option<u64> = tables::row(self.reader, map::IDENTITIES, identity.as_bytes())?;
        let Some(id) = id else { return Ok(None) };
        let replica = self.replica(id)?;
        replica
            .map(Some)
            .ok_or(CorruptState::missing(map::REPLICAS))
    }

    /// The voters of the newest configuration written, by id.
    pub fn voters(&self) -> Result<Vec<VoterEntry>, CorruptState> {
        let replicas = self.replicas()?.into_iter();
        let voters = replicas.filter(|replica| replica.status == ReplicaStatus::Voter);
        Ok(voters.map(|replica| voter(&replica)).collect())
    }

    /// The replicas whose verdicts have expired at `time_ms` of the ledger, and what follows.
    pub fn lapsed(&self, time_ms: u64) -> Result<Vec<Lapsed>, CorruptState> {
        let (Some(service), Some(governance)) = (self.service()?, self.governance()?) else {
            return Ok(Vec::new());
        };
        let grace_ms = service.removal_grace_ms();
        Ok(lapse::lapsed(
            &self.replicas()?,
            &governance,
            grace_ms,
            time_ms,
        ))
    }

    /// The appraisal policy.
    pub fn policy(&self) -> Result<Policy, CorruptState> {
        let found = self.reader.get(&tables::name(map::POLICY), POLICY);
        let found = found.ok_or(CorruptState::missing(map::POLICY))?;
        let corrupt = |cause: String| CorruptState {
            map: map::POLICY,
            cause,
        };
        let text = std::str::from_utf8(&found.value).map_err(|error| corrupt(error.to_string()))?;
        Policy::from_toml(text).map_err(|error| corrupt(error.to_string()))
    }

    /// The newest wrapped ledger secret with the members' shares.
    pub fn wrapped_secret(&self) -> Result<Option<WrappedSecret>, CorruptState> {
        let Some(governance) = self.governance()? else {
            return Ok(None);
        };
        tables::row(
            self.reader,
            map::SHARES,
            &governance.generation.to_be_bytes(),
        )
    }

    /// The apps, by name, those that are being removed among them.
    pub fn apps(&self) -> Result<Vec<AppRecord>, CorruptState> {
        tables::rows(self.reader, map::APPS)
    }

    /// An app.
    pub fn app(&self, name: &AppName) -> Result<Option<AppRecord>, CorruptState> {
        tables::row(self.reader, map::APPS, name.as_str().as_bytes())
    }

    /// The number of the newest version that was ever set under a name; 0 if none was.
    pub fn app_number(&self, name: &AppName) -> Result<u64, CorruptState> {
        let number = tables::row(self.reader, map::APP_NUMBERS, name.as_str().as_bytes())?;
        Ok(number.unwrap_or(0))
    }

    /// The input that was recorded at a seqno.
    pub fn input(&self, seqno: u64) -> Result<Option<Input>, CorruptState> {
        tables::row(self.reader, map::INPUTS, &seqno.to_be_bytes())
    }
}

/// A replica as a voter.
pub(crate) fn voter(replica: &ReplicaRecord) -> VoterEntry {
    VoterEntry {
        id: replica.id,
        key: replica.identity(),
        vendor: replica.vendor().to_owned(),
    }
}
