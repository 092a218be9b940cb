//! The verification of a whole configuration: every replica that votes in it shows its evidence.
//! Members sign nothing less when they open a network.

use synod_ledger::Configuration;
use tokio::task::JoinSet;

use crate::dial;
use crate::error::ClientError;
use crate::remembered::ConfigurationId;
use crate::service::Service;
use crate::url::ReplicaUrl;
use crate::verify::{VerifiedReplica, Verifier};

/// A configuration, every voter of which was verified.
#[derive(Clone, Debug)]
pub struct VerifiedVoters {
    configuration: ConfigurationId,
    voters: Vec<VerifiedReplica>,
}

impl VerifiedVoters {
    /// The configuration in force.
    pub fn configuration(&self) -> ConfigurationId {
        self.configuration
    }

    /// Its voters, by rising id.
    pub fn voters(&self) -> &[VerifiedReplica] {
        &self.voters
    }
}

/// A voter that was not verified.
#[derive(Debug)]
pub struct UnverifiedVoter {
    /// Its id.
    pub id: u64,
    /// Where it was asked; none if the network names no address of it.
    pub url: Option<ReplicaUrl>,
    /// Why it is not verified.
    pub why: String,
}

/// Why the voters of the configuration in force are not verified.
#[derive(Debug, thiserror::Error)]
pub enum VotersError {
    /// The service does not say who votes.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// This client verifies no evidence. The caller is at fault.
    #[error("this client trusts replicas without verifying their evidence")]
    NotVerifying,
    /// Some of the voters.
    #[error(
        "not every voter of configuration {configuration} is verified:{}",
        listed(unverified)
    )]
    Unverified {
        /// The number of the configuration.
        configuration: u64,
        /// The voters that are not, by rising id.
        unverified: Vec<UnverifiedVoter>,
    },
}

fn listed(unverified: &[UnverifiedVoter]) -> String {
    let line = |voter: &UnverifiedVoter| {
        let url = voter.url.as_ref().map(|url| format!(" at {url}"));
        format!(
            "\n  replica {}{}: {}",
            voter.id,
            url.unwrap_or_default(),
            voter.why
        )
    };
    unverified.iter().map(line).collect()
}

impl Service {
    /// Verifies every voter of the configuration in force, each at the address that the network
    /// names for it: its evidence now, its place in the ledger, and that it shows the same
    /// configuration.
    ///
    /// # Errors
    /// [`VotersError`], with all voters that could not be verified.
    pub async fn verify_voters(&self) -> Result<VerifiedVoters, VotersError> {
        let verifier = self.verifier().ok_or(VotersError::NotVerifying)?.clone();
        let table = self.network().await?;
        let chain = self.chain(verifier.network()).await?;
        let configuration = chain.current().clone();
        let mut asking = JoinSet::new();
        for voter in configuration.voters() {
            let (id, verifier, configuration) = (voter.id, verifier.clone(), configuration.clone());
            let row = table.replicas.iter().find(|replica| replica.id == id);
            let url = row.and_then(|replica| replica.url.parse::<ReplicaUrl>().ok());
            asking.spawn(async move {
                let verified = verify_voter(&verifier, url.as_ref(), id, &configuration).await;
                verified.map_err(|why| UnverifiedVoter { id, url, why })
            });
        }
        let (mut voters, mut unverified) = (Vec::new(), Vec::new());
        for verified in asking.join_all().await {
            match verified {
                Ok(voter) => voters.push(voter),
                Err(voter) => unverified.push(voter),
            }
        }
        voters.sort_by_key(VerifiedReplica::id);
        unverified.sort_by_key(|voter| voter.id);
        let number = configuration.number();
        if !unverified.is_empty() {
            return Err(VotersError::Unverified {
                configuration: number,
                unverified,
            });
        }
        let digest = configuration.digest();
        Ok(VerifiedVoters {
            configuration: ConfigurationId { number, digest },
            voters,
        })
    }
}

async fn verify_voter(
    verifier: &Verifier,
    url: Option<&ReplicaUrl>,
    id: u64,
    expected: &Configuration,
) -> Result<VerifiedReplica, String> {
    let url = url.ok_or("the network names no address of it")?;
    let verified = dial::verify(verifier, url).await;
    let replica = verified.map_err(|error| match error {
        ClientError::NotVerified { why, .. } => why.to_string(),
        other => other.to_string(),
    })?;
    if replica.id() != id {
        return Err(format!("replica {} answers there", replica.id()));
    }
    let shown = replica.chain().current();
    if shown.digest() != expected.digest() {
        let number = shown.number();
        return Err(format!(
            "it shows configuration {number} as the newest: the voters change just now, ask again"
        ));
    }
    Ok(replica)
}
