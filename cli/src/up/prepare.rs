//! Part 1: the folder, its lock, the keys of members and a user, the genesis manifest.

use synod_channel::Identity;
use synod_governance::{
    JoinRule, Manifest, ManifestFile, MemberEntry, OPEN_VOTERS_DEFAULT, REMOVAL_GRACE_S_DEFAULT,
    UNHEARD_S_DEFAULT, UserEntry,
};
use synod_replica::{ROLE_READ, ROLE_WRITE};

use crate::clock::now_ms;
use crate::commands::node::own_policy;
use crate::commands::user;
use crate::files::{self, Readers};
use crate::member_key::MemberKey;
use crate::outcome::{Failure, Outcome};
use crate::up::layout::Layout;

const MEMBERS: [&str; 3] = ["alice", "bob", "carol"];
const USER: &str = "user";
/// How many members act together, and recover together.
const THRESHOLD: u8 = 2;
const CERTIFICATE_DAYS: u64 = 365;

/// What stands before the first replica runs.
pub(crate) struct Prepared {
    pub(crate) members: Vec<MemberKey>,
    pub(crate) user: Identity,
    pub(crate) manifest: Manifest,
}

impl Prepared {
    /// As many members as must act together.
    pub(crate) fn quorum(&self) -> &[MemberKey] {
        &self.members[..usize::from(THRESHOLD)]
    }
}

/// Makes everything that is needed before the first replica starts.
pub(crate) fn prepare(layout: &Layout, replicas: u8) -> Outcome<Prepared> {
    let members = make_members(layout)?;
    let (user, entry) = make_user(layout)?;
    let entries = members
        .iter()
        .map(|member| member_entry(layout, member))
        .collect::<Outcome<_>>()?;
    let manifest = make_manifest(entries, entry, replicas)?;
    files::create(
        &layout.manifest(),
        manifest.to_toml().as_bytes(),
        Readers::Everybody,
    )?;
    Ok(Prepared {
        members,
        user,
        manifest,
    })
}

fn make_members(layout: &Layout) -> Outcome<Vec<MemberKey>> {
    files::make_folder(&layout.members())?;
    MEMBERS
        .iter()
        .map(|name| {
            let key = MemberKey::generate(name)?;
            key.create(&layout.member_key(name))?;
            Ok(key)
        })
        .collect()
}

/// What the manifest says of a member, with a certificate for what members alone may ask.
fn member_entry(layout: &Layout, member: &MemberKey) -> Outcome<MemberEntry> {
    let name = member.name();
    let keys = user::generate(name, CERTIFICATE_DAYS)?;
    files::create(
        &layout.member_tls_key(name),
        keys.key.as_bytes(),
        Readers::Owner,
    )?;
    files::create(
        &layout.member_certificate(name),
        keys.certificate.as_bytes(),
        Readers::Everybody,
    )?;
    Ok(MemberEntry {
        tls: Some(keys.fingerprint),
        ..member.entry()
    })
}

fn make_user(layout: &Layout) -> Outcome<(Identity, UserEntry)> {
    files::make_folder(&layout.users())?;
    let keys = user::generate(USER, CERTIFICATE_DAYS)?;
    files::create(&layout.user_key(), keys.key.as_bytes(), Readers::Owner)?;
    files::create(
        &layout.user_certificate(),
        keys.certificate.as_bytes(),
        Readers::Everybody,
    )?;
    let identity = keys.identity().map_err(Failure::broken)?;
    let roles = [ROLE_READ, ROLE_WRITE].map(str::to_owned).into();
    Ok((
        identity,
        UserEntry {
            name: USER.to_owned(),
            fingerprint: keys.fingerprint,
            roles,
        },
    ))
}

fn make_manifest(members: Vec<MemberEntry>, user: UserEntry, replicas: u8) -> Outcome<Manifest> {
    let file = ManifestFile {
        version: synod_governance::FORMAT,
        name: "tour".to_owned(),
        start_time_ms: now_ms(),
        threshold: THRESHOLD,
        recovery_threshold: THRESHOLD,
        required_vendors: replicas.min(2),
        // All replicas of the tour are on this machine. In a manifest for others this means that
        // whoever has genuine machines of the accepted code may become the majority.
        join: JoinRule::Verdict,
        removal_grace_s: REMOVAL_GRACE_S_DEFAULT,
        unheard_s: UNHEARD_S_DEFAULT,
        open_voters: replicas.min(OPEN_VOTERS_DEFAULT),
        members,
        users: vec![user],
        policy: own_policy()?,
    };
    Manifest::try_from(file).map_err(Failure::broken)
}
