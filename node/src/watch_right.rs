//! Who may watch which map, as certified state has it.
//!
//! * Maps of the key-value interface, and all public maps: users who may read.
//! * Private maps of an app: those whom its manifest lets watch rows that begin so.
//! * The service's own private maps: nobody.

use synod_api::{ErrorCode, Problem};
use synod_governance::app::{
    AppManifest, AppMap, AppMapKind, AppName, CallerIdentity, CallerKind, is_app_map, owner_of_map,
};
use synod_kv::MapName;
use synod_replica::kv::may_read;
use synod_replica::{Caller, ROLE_READ, ROLE_WRITE, Replica};

/// Whether the caller may watch the rows of `map` whose keys begin with `prefix`, now.
///
/// # Errors
/// The problem to answer with.
pub(crate) fn may_watch(
    replica: &Replica,
    caller: Caller,
    map: &MapName,
    prefix: &[u8],
) -> Result<(), Box<Problem>> {
    if !replica.governance_view().service.is_open() {
        return Err(Problem::new(ErrorCode::ServiceNotOpen).into());
    }
    let identity = replica.caller_identity(caller);
    let manifest = |app: &AppName| replica.active_app(app).map(|active| active.manifest);
    if is_let(&identity, map, prefix, |app| {
        manifest(app).map(|manifest| (*manifest).clone())
    }) {
        return Ok(());
    }
    let code = if caller.fingerprint.is_none() {
        ErrorCode::CertificateRequired
    } else {
        ErrorCode::Forbidden
    };
    let detail = format!("nothing lets the caller watch these rows of `{map}`");
    Err(Problem::new(code).with_detail(detail).into())
}

/// Whether the caller is let; `manifest` gives that of the version of an app that answers.
fn is_let(
    caller: &CallerIdentity,
    map: &MapName,
    prefix: &[u8],
    manifest: impl FnOnce(&AppName) -> Option<AppManifest>,
) -> bool {
    match owner_of_map(map) {
        Some(AppMap {
            app,
            kind: AppMapKind::Private(name),
        }) => manifest(&app).is_some_and(|found| found.admits_watch(&name, prefix, caller)),
        Some(_) => reads(caller),
        None => !is_app_map(map) && may_read(map) && reads(caller),
    }
}

fn reads(caller: &CallerIdentity) -> bool {
    let may = |role: &String| role == ROLE_READ || role == ROLE_WRITE;
    caller.kind == CallerKind::User && caller.roles.iter().any(may)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(kind: CallerKind, id: &str, roles: &[&str]) -> CallerIdentity {
        CallerIdentity {
            kind,
            id: id.to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            claims: Vec::new(),
        }
    }

    fn messenger(name: &AppName) -> Option<AppManifest> {
        let text = r#"
            name = "messenger"
            version = "1"
            component = "c.wasm"
            imports = ["maps"]
            [maps]
            private = ["inbox", "keys"]
            public = ["rooms"]
            [[routes]]
            path = "/x"
            who = ["user"]
            [[watches]]
            map = "inbox"
            who = ["user"]
            prefix = "{caller}/"
        "#;
        (name.as_str() == "messenger").then(|| AppManifest::from_toml(text).expect("a manifest"))
    }

    #[test]
    fn rows_are_watched_by_those_they_are_for_and_by_nobody_else() {
        let anna = caller(CallerKind::User, "anna", &[]);
        let reader = caller(CallerKind::User, "rita", &["read"]);
        let writer = caller(CallerKind::User, "wim", &["write"]);
        let member = caller(CallerKind::Member, "anna", &["read"]);
        let nobody = CallerIdentity::anonymous();
        for (map, prefix, let_in) in [
            ("accounts", "", [false, true, true, false, false]),
            ("public:accounts", "", [false, true, true, false, false]),
            ("public:synod.users", "", [false, true, true, false, false]),
            ("synod.x", "", [false; 5]),
            (
                "app.messenger.inbox",
                "anna/",
                [true, false, false, false, false],
            ),
            (
                "app.messenger.inbox",
                "anna/1",
                [true, false, false, false, false],
            ),
            ("app.messenger.inbox", "anna", [false; 5]),
            ("app.messenger.inbox", "", [false; 5]),
            (
                "app.messenger.inbox",
                "wim/",
                [false, false, true, false, false],
            ),
            ("app.messenger.keys", "anna/", [false; 5]),
            ("app.other.inbox", "anna/", [false; 5]),
            ("app.messenger", "anna/", [false; 5]),
            ("app.x.y.z", "anna/", [false; 5]),
            (
                "public:app.messenger.rooms",
                "",
                [false, true, true, false, false],
            ),
            (
                "public:app.messenger:component",
                "",
                [false, true, true, false, false],
            ),
        ] {
            let name = MapName::new(map).expect("a name");
            let found = [&anna, &reader, &writer, &member, &nobody]
                .map(|caller| is_let(caller, &name, prefix.as_bytes(), messenger));
            assert_eq!(found, let_in, "{map} {prefix}");
        }
    }
}
