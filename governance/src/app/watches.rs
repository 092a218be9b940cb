//! Who may watch rows of private maps.

use crate::app::caller::{CallerIdentity, Who};

/// The placeholder for the caller's name in a prefix.
const CALLER: &str = "{caller}";
const PREFIX_BYTES_MAX: usize = 128;

/// Who may watch rows of a private map whose keys begin in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchRule {
    /// The map, by its name in the manifest.
    pub map: String,
    /// Who may watch.
    pub who: Vec<Who>,
    /// What keys begin with; `{caller}` in it is the caller's name.
    pub prefix: String,
}

/// The rule lets a caller see another caller's data; the manifest's author is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWatch {
    /// The prefix is too long.
    #[error("it is longer than {PREFIX_BYTES_MAX} bytes")]
    TooLong,
    /// `{caller}` appears twice, or there is another name in braces.
    #[error("it may hold `{{caller}}` once, and no other braces")]
    Braces,
    /// What follows `{caller}` could be part of a name: `{caller}` alone lets `anna` see the rows
    /// of `annabel`.
    #[error("`{{caller}}` must be followed by a character that names cannot contain, such as `/`")]
    OpenEnd,
    /// `{caller}` with `any`, who has no name.
    #[error("`{{caller}}` cannot be combined with `any`, because such callers have no name")]
    Nameless,
    /// `{caller}` with users and members, because a user and a member may have the same name.
    #[error(
        "`{{caller}}` cannot be used for users and members at once, because a user and a member may have the same name"
    )]
    TwoKinds,
}

impl WatchRule {
    pub(crate) fn check(&self) -> Result<(), BadWatch> {
        if self.prefix.len() > PREFIX_BYTES_MAX {
            return Err(BadWatch::TooLong);
        }
        let Some((before, after)) = self.prefix.split_once(CALLER) else {
            let braces = self.prefix.contains(['{', '}']);
            return if braces {
                Err(BadWatch::Braces)
            } else {
                Ok(())
            };
        };
        if before.contains(['{', '}']) || after.contains(['{', '}']) {
            return Err(BadWatch::Braces);
        }
        if after
            .bytes()
            .next()
            .is_none_or(crate::entries::is_name_byte)
        {
            return Err(BadWatch::OpenEnd);
        }
        if self.who.contains(&Who::Any) {
            return Err(BadWatch::Nameless);
        }
        let members = self.who.contains(&Who::Member);
        let users = self.who.iter().any(|who| *who != Who::Member);
        if members && users {
            return Err(BadWatch::TwoKinds);
        }
        Ok(())
    }

    /// Whether the caller may watch the rows whose keys begin with `prefix`.
    pub fn admits(&self, caller: &CallerIdentity, prefix: &[u8]) -> bool {
        let named = !self.prefix.contains(CALLER) || !caller.id.is_empty();
        let needed = self.prefix.replace(CALLER, &caller.id);
        let admitted = self.who.iter().any(|who| who.admits(caller));
        admitted && named && prefix.starts_with(needed.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::caller::CallerKind;

    fn rule(who: &[&str], prefix: &str) -> WatchRule {
        let who = who.iter().map(|text| Who::parse(text).expect("a rule"));
        WatchRule {
            map: "inbox".to_owned(),
            who: who.collect(),
            prefix: prefix.to_owned(),
        }
    }

    fn user(name: &str) -> CallerIdentity {
        CallerIdentity {
            kind: CallerKind::User,
            id: name.to_owned(),
            roles: Vec::new(),
            claims: Vec::new(),
        }
    }

    #[test]
    fn a_caller_watches_its_own_rows_and_no_other() {
        let own = rule(&["user"], "to/{caller}/");
        assert_eq!(own.check(), Ok(()));
        assert!(own.admits(&user("anna"), b"to/anna/"));
        assert!(own.admits(&user("anna"), b"to/anna/2026"));
        for prefix in [&b""[..], b"to/", b"to/anna", b"to/annabel/", b"to/bob/"] {
            assert!(!own.admits(&user("anna"), prefix));
        }
        assert!(!own.admits(&CallerIdentity::anonymous(), b"to//"));
        assert!(!own.admits(&user(""), b"to//"));
        assert!(rule(&["user"], "").admits(&user("anna"), b""));
        assert!(!rule(&["member"], "").admits(&user("anna"), b""));
    }

    #[test]
    fn rules_that_show_another_s_rows_are_refused() {
        for (who, prefix, expected) in [
            (&["user"][..], "{caller}", BadWatch::OpenEnd),
            (&["user"], "{caller}.x", BadWatch::OpenEnd),
            (&["user"], "{caller}/{caller}/", BadWatch::Braces),
            (&["user"], "{name}/", BadWatch::Braces),
            (&["any"], "{caller}/", BadWatch::Nameless),
            (&["user", "member"], "{caller}/", BadWatch::TwoKinds),
            (&["role:a", "member"], "{caller}/", BadWatch::TwoKinds),
        ] {
            assert_eq!(rule(who, prefix).check(), Err(expected), "{prefix}");
        }
        let long = "a".repeat(PREFIX_BYTES_MAX + 1);
        assert_eq!(rule(&["user"], &long).check(), Err(BadWatch::TooLong));
        assert_eq!(rule(&["any"], "news/").check(), Ok(()));
        assert_eq!(rule(&["role:a", "user"], "{caller}/").check(), Ok(()));
    }
}
