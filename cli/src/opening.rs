//! What opens a network: an act that names the configuration in force, once every voter in it was
//! verified.

use synod_client::{Service, VerifiedReplica, VerifiedVoters, VotersError};
use synod_governance::Act;

use crate::outcome::{Failure, Outcome};
use crate::output::say;

/// Verifies every voter and says so, one line each; then the act that opens the configuration.
pub(crate) async fn act(service: &Service) -> Outcome<(Act, VerifiedVoters)> {
    let verified = service.verify_voters().await.map_err(refused)?;
    for voter in verified.voters() {
        say(format!("  ✓ {}", line(voter)));
    }
    Ok((of(&verified), verified))
}

/// The act that opens what was verified.
pub(crate) fn of(verified: &VerifiedVoters) -> Act {
    let opened = verified.configuration();
    Act::Open {
        configuration: opened.number,
        digest: opened.digest,
    }
}

fn line(voter: &VerifiedReplica) -> String {
    let verdict = voter.verdict();
    let simulated = if verdict.simulated() {
        ", SIMULATED"
    } else {
        ""
    };
    let tee = verdict.tee();
    format!(
        "replica {} at {}: {tee} ({}{simulated}), its evidence is valid now",
        voter.id(),
        voter.url(),
        tee.vendor()
    )
}

/// Nothing is signed then.
pub(crate) fn refused(error: VotersError) -> Failure {
    match error {
        VotersError::Client(error) => error.into(),
        VotersError::NotVerifying => Failure::mistake(error)
            .with_hint("leave `--via-ca` out: a member who opens a network must verify its voters"),
        VotersError::Unverified { .. } => Failure::not_verified(error).with_hint(
            "bring these replicas up, or remove them (`synod member act remove-replica`), and sign again",
        ),
    }
}
