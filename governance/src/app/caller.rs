//! Who calls an app, and whom a route lets in.

use std::fmt;

/// What a caller is to this service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallerKind {
    /// Nobody that the ledger knows.
    Anonymous,
    /// A user.
    User,
    /// A member: one of those who govern.
    Member,
    /// The service itself, which calls `init` and `migrate`.
    Service,
}

impl CallerKind {
    /// The kind in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::User => "user",
            Self::Member => "member",
            Self::Service => "service",
        }
    }
}

/// A caller, as the ledger's own tables have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIdentity {
    /// What it is.
    pub kind: CallerKind,
    /// The name of the user or member; empty for others.
    pub id: String,
    /// The user's roles, sorted.
    pub roles: Vec<String>,
    /// What else is verified of the caller, by name: `key` is the SHA-256 of the public key in its
    /// certificate.
    pub claims: Vec<(String, String)>,
}

impl CallerIdentity {
    /// Nobody that the ledger knows.
    pub fn anonymous() -> Self {
        Self::nameless(CallerKind::Anonymous)
    }

    /// The service itself.
    pub fn service() -> Self {
        Self::nameless(CallerKind::Service)
    }

    fn nameless(kind: CallerKind) -> Self {
        Self {
            kind,
            id: String::new(),
            roles: Vec::new(),
            claims: Vec::new(),
        }
    }
}

/// Whom a route lets in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Everybody, known or not.
    Any,
    /// Every user. A member is not a user.
    User,
    /// Users who have this role.
    Role(String),
    /// Every member.
    Member,
}

/// The text names no kind of caller; the manifest's author is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not one of `any`, `user`, `role:NAME` and `member`")]
pub struct BadWho {
    /// The beginning of what was given.
    pub found: String,
}

impl Who {
    /// Reads what the manifest has.
    pub fn parse(text: &str) -> Result<Self, BadWho> {
        match text {
            "any" => return Ok(Self::Any),
            "user" => return Ok(Self::User),
            "member" => return Ok(Self::Member),
            _ => {}
        }
        let role = text
            .strip_prefix("role:")
            .filter(|role| crate::entries::is_role(role));
        let found = || text.chars().take(40).collect();
        role.map(|role| Self::Role(role.to_owned()))
            .ok_or_else(|| BadWho { found: found() })
    }

    /// Whether the caller is one of those meant.
    pub fn admits(&self, caller: &CallerIdentity) -> bool {
        match self {
            Self::Any => true,
            Self::User => caller.kind == CallerKind::User,
            Self::Role(role) => caller.kind == CallerKind::User && caller.roles.contains(role),
            Self::Member => caller.kind == CallerKind::Member,
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::User => f.write_str("user"),
            Self::Role(role) => write!(f, "role:{role}"),
            Self::Member => f.write_str("member"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_admits_those_it_names_and_nobody_else() {
        let user = |roles: &[&str]| CallerIdentity {
            kind: CallerKind::User,
            id: "anna".to_owned(),
            roles: roles.iter().map(|&role| role.to_owned()).collect(),
            claims: Vec::new(),
        };
        let member = CallerIdentity {
            kind: CallerKind::Member,
            roles: vec!["bank".to_owned()],
            ..user(&[])
        };
        let callers = [
            CallerIdentity::anonymous(),
            user(&[]),
            user(&["bank"]),
            member,
            CallerIdentity::service(),
        ];
        let expect = |text: &str, admitted: [bool; 5]| {
            let who = Who::parse(text).expect("a rule");
            assert_eq!(who.to_string(), text);
            assert_eq!(
                callers.each_ref().map(|caller| who.admits(caller)),
                admitted,
                "{text}"
            );
        };
        expect("any", [true; 5]);
        expect("user", [false, true, true, false, false]);
        expect("role:bank", [false, false, true, false, false]);
        expect("role:bank2", [false; 5]);
        expect("member", [false, false, false, true, false]);
    }

    #[test]
    fn what_names_nobody_is_refused() {
        let long = format!("role:{}", "r".repeat(33));
        for bad in [
            "",
            "Any",
            "users",
            "role:",
            "role:A",
            "role",
            "anonymous",
            "service",
            "role:a b",
            &long,
        ] {
            assert!(Who::parse(bad).is_err(), "{bad}");
        }
    }
}
