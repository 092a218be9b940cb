//! Acts of the members in a sentence, for those who are to sign them.

use synod_governance::Act;
use synod_governance::app::AppManifest;

/// What the act does.
pub(crate) fn told(act: &Act) -> String {
    match act {
        Act::Open {
            configuration,
            digest,
        } => format!(
            "open the service to users, with configuration {configuration} ({digest}); each signer has verified the evidence of its voters"
        ),
        Act::SetUser {
            name,
            fingerprint,
            roles,
        } => {
            let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
            format!(
                "admit the user `{name}` with the certificate {fingerprint} and the roles [{}]",
                roles.join(", ")
            )
        }
        Act::RemoveUser { name } => format!("take all rights from the user `{name}`"),
        Act::TrustReplica { id } => format!("trust replica {id}"),
        Act::RemoveReplica { id, cause } => format!("remove replica {id} ({cause:?})"),
        Act::ReplaceReplica { id, with: Some(by) } => {
            format!("replace replica {id} with replica {by}")
        }
        Act::ReplaceReplica { id, with: None } => {
            format!("replace replica {id} with the next replica that joins in its place")
        }
        Act::SetRequiredVendors { n } => format!("require voters from {n} vendors"),
        Act::SetApp {
            manifest,
            component,
            size,
            ..
        } => {
            let (name, version) = named(manifest);
            format!("set the app `{name}` {version}: component {component} of {size} bytes")
        }
        Act::RemoveApp { name } => {
            format!("remove the app `{}` with all its data", name.as_str())
        }
    }
}

/// Name and version of an app, as its manifest has them.
fn named(manifest: &str) -> (String, String) {
    match AppManifest::from_toml(manifest) {
        Ok(manifest) => (
            manifest.name().as_str().to_owned(),
            format!("in version {}", manifest.version()),
        ),
        Err(error) => (
            "?".to_owned(),
            format!("with a manifest that cannot be read ({error})"),
        ),
    }
}
