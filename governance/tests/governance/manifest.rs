//! A manifest is strict, and its digest stands for its meaning.

use synod_governance::{Manifest, ManifestError, ManifestFile};

use crate::network::{manifest, manifest_file};

type Change = fn(&mut ManifestFile);

fn refused(change: impl FnOnce(&mut ManifestFile)) -> ManifestError {
    let mut file = manifest_file();
    change(&mut file);
    Manifest::try_from(file).expect_err("the manifest must be refused")
}

#[test]
fn what_is_written_reads_back_the_same() {
    let written = manifest().to_toml();
    let read = Manifest::from_toml(written.as_bytes()).expect("reads back");
    assert_eq!(read, manifest());
}

#[test]
fn digest_ignores_layout_and_heeds_meaning() {
    let text = manifest().to_toml();
    let commented = format!("# a comment\n\n{}", text.replace(" = ", "  =  "));
    let other = Manifest::from_toml(commented.as_bytes()).expect("same meaning");
    assert_eq!(other.digest(), manifest().digest());

    let changes: [Change; 10] = [
        |file| file.name.push('x'),
        |file| file.start_time_ms += 1,
        |file| file.threshold = 3,
        |file| file.recovery_threshold = 3,
        |file| file.required_vendors = 1,
        |file| file.open_voters = 2,
        |file| file.join = synod_governance::JoinRule::Members,
        |file| file.members.swap(0, 1),
        |file| file.users.clear(),
        |file| file.policy = synod_attestation::Policy::development(&[]),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let mut file = manifest_file();
        change(&mut file);
        let other = Manifest::try_from(file).expect("valid");
        assert_ne!(other.digest(), manifest().digest(), "change {at}");
    }
}

#[test]
fn errors_name_the_line_and_the_field() {
    let text = manifest()
        .to_toml()
        .replace("\nthreshold = 2", "\ntreshold = 2");
    let error = Manifest::from_toml(text.as_bytes())
        .expect_err("unknown field")
        .to_string();
    assert!(
        error.contains("line 4") && error.contains("treshold"),
        "{error}"
    );
    let text = manifest()
        .to_toml()
        .replace("\nthreshold = 2", "\nthreshold = \"two\"");
    let error = Manifest::from_toml(text.as_bytes())
        .expect_err("wrong type")
        .to_string();
    assert!(error.contains("line 4"), "{error}");
}

#[test]
fn bad_keys_and_policies_are_refused() {
    let key = manifest_file().members[0].key.to_string();
    let text = manifest().to_toml().replace(&key, &key[2..]);
    assert!(matches!(
        Manifest::from_toml(text.as_bytes()),
        Err(ManifestError::Malformed(_))
    ));
    let text = manifest()
        .to_toml()
        .replace("kind = \"development\"", "kind = \"none\"");
    assert!(matches!(
        Manifest::from_toml(text.as_bytes()),
        Err(ManifestError::Malformed(_))
    ));
}

#[test]
fn size_text_and_version_are_checked() {
    let long = vec![b'#'; synod_governance::MANIFEST_BYTES_MAX + 1];
    assert_eq!(
        Manifest::from_toml(&long),
        Err(ManifestError::TooLong(long.len()))
    );
    assert_eq!(Manifest::from_toml(b"\xff"), Err(ManifestError::NotText));
    assert_eq!(refused(|file| file.version = 1), ManifestError::Version(1));
    assert_eq!(refused(|file| file.version = 3), ManifestError::Version(3));
}

#[test]
fn numbers_are_checked() {
    assert_eq!(
        refused(|file| file.members.truncate(1)),
        ManifestError::Members(1)
    );
    assert_eq!(
        refused(|file| file.threshold = 0),
        ManifestError::Threshold {
            found: 0,
            members: 3
        }
    );
    assert_eq!(
        refused(|file| file.threshold = 4),
        ManifestError::Threshold {
            found: 4,
            members: 3
        }
    );
    assert_eq!(
        refused(|file| file.recovery_threshold = 1),
        ManifestError::RecoveryThreshold {
            found: 1,
            members: 3
        }
    );
    assert_eq!(
        refused(|file| file.recovery_threshold = 4),
        ManifestError::RecoveryThreshold {
            found: 4,
            members: 3
        }
    );
    assert_eq!(
        refused(|file| file.required_vendors = 0),
        ManifestError::RequiredVendors(0)
    );
    assert_eq!(
        refused(|file| file.required_vendors = 3),
        ManifestError::RequiredVendors(3)
    );
    let crowd = refused(|file| {
        let user = file.users[0].clone();
        file.users = vec![user; synod_governance::USERS_MAX + 1];
    });
    assert_eq!(crowd, ManifestError::Users(synod_governance::USERS_MAX + 1));
}

#[test]
fn names_and_roles_are_checked() {
    assert!(matches!(
        refused(|file| file.name.clear()),
        ManifestError::Entry(_)
    ));
    assert!(matches!(
        refused(|file| file.members[0].name = "a b".into()),
        ManifestError::Entry(_)
    ));
    assert!(matches!(
        refused(|file| file.users[0].name = "x".repeat(65)),
        ManifestError::Entry(_)
    ));
    let bad_role = refused(|file| file.users[0].roles = ["Admin".to_owned()].into());
    assert!(matches!(bad_role, ManifestError::Entry(_)));
    let many = (0..17).map(|n| format!("role{n}")).collect();
    assert!(matches!(
        refused(|file| file.users[0].roles = many),
        ManifestError::Entry(_)
    ));
}

#[test]
fn what_must_be_ones_own_cannot_be_shared() {
    let same = |what| ManifestError::Repeated(what);
    let name = refused(|file| file.members[1].name = file.members[0].name.clone());
    assert_eq!(name, same("member name"));
    let key = refused(|file| file.members[1].key = file.members[0].key);
    assert_eq!(key, same("member key"));
    let share_key = refused(|file| file.members[1].share_key = file.members[0].share_key);
    assert_eq!(share_key, same("share key"));
    let user = refused(|file| file.users.push(file.users[0].clone()));
    assert_eq!(user, same("user name"));
    let certificate = refused(|file| file.members[0].tls = Some(file.users[0].fingerprint));
    assert_eq!(certificate, same("certificate fingerprint"));
}
