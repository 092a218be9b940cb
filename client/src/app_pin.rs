//! What a client requires of an app: a pinned component, or no imports except the named ones.

use synod_api::AppInfo;
use synod_crypto::Digest;

/// What a client requires of an app before it calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppPin {
    /// The app.
    pub name: String,
    /// The component must have this digest (SHA-256).
    pub component: Option<Digest>,
    /// The component may import these interfaces of `synod:app` and no others.
    pub imports: Option<Vec<String>>,
}

/// How an app differs from what a client requires. The members deployed a different one than the
/// client expects.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppPinError {
    /// It is a different app.
    #[error("the app is `{found}`, expected `{expected}`")]
    OtherApp {
        /// The app found.
        found: String,
        /// The pinned app.
        expected: String,
    },
    /// No version is in force.
    #[error("no version of `{0}` is in force")]
    NotActive(String),
    /// The component is a different one.
    #[error("the component of `{app}` has the digest {found}, but {expected} is pinned")]
    Component {
        /// The app.
        app: String,
        /// The digest that is in force.
        found: String,
        /// The pinned digest.
        expected: Digest,
    },
    /// It may import, or imports, more than the client allows.
    #[error("`{app}` may use {}, which the pin does not allow", .beyond.join(", "))]
    Imports {
        /// The app.
        app: String,
        /// The interfaces that are not allowed.
        beyond: Vec<String>,
    },
}

impl AppPin {
    /// Checks what a service says of the version in force: its digest, and what its manifest
    /// admits.
    ///
    /// # Errors
    /// [`AppPinError`] names what differs.
    pub fn check(&self, info: &AppInfo) -> Result<(), AppPinError> {
        if info.name != self.name {
            return Err(AppPinError::OtherApp {
                found: info.name.clone(),
                expected: self.name.clone(),
            });
        }
        let active = info.active.as_ref();
        let active = active.ok_or_else(|| AppPinError::NotActive(self.name.clone()))?;
        if let Some(expected) = self.component
            && active.component != expected.to_string()
        {
            return Err(AppPinError::Component {
                app: self.name.clone(),
                found: active.component.clone(),
                expected,
            });
        }
        self.check_imports(active.imports.iter().map(String::as_str))
    }

    /// Checks interfaces, by their short names: those that a manifest admits, or those that a
    /// component was found to import by whoever looked into it.
    ///
    /// # Errors
    /// [`AppPinError::Imports`] names those that are not allowed.
    pub fn check_imports<'a>(
        &self,
        imports: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), AppPinError> {
        let Some(allowed) = &self.imports else {
            return Ok(());
        };
        let beyond: Vec<String> = imports
            .into_iter()
            .filter(|import| !allowed.iter().any(|allowed| allowed == import))
            .map(str::to_owned)
            .collect();
        if beyond.is_empty() {
            return Ok(());
        }
        let app = self.name.clone();
        Err(AppPinError::Imports { app, beyond })
    }
}

#[cfg(test)]
mod tests {
    use synod_api::{AppStatus, AppVersionInfo};

    use super::*;

    fn info() -> AppInfo {
        AppInfo {
            name: "bank".to_owned(),
            status: AppStatus::Active,
            active: Some(AppVersionInfo {
                number: 1,
                version: "1".to_owned(),
                description: None,
                component: Digest::from([7; 32]).to_string(),
                size: 1,
                imports: vec!["maps".to_owned(), "caller".to_owned()],
                openapi: false,
                set_by: 5,
                manifest: None,
            }),
            pending: None,
            failure: None,
        }
    }

    fn pin() -> AppPin {
        AppPin {
            name: "bank".to_owned(),
            component: Some(Digest::from([7; 32])),
            imports: Some(vec!["maps".to_owned(), "caller".to_owned()]),
        }
    }

    #[test]
    fn pinned_app_is_accepted_and_each_difference_is_named() {
        assert_eq!(pin().check(&info()), Ok(()));
        let mut other = info();
        other.name = "bark".to_owned();
        assert!(matches!(
            pin().check(&other),
            Err(AppPinError::OtherApp { .. })
        ));
        let mut none = info();
        none.active = None;
        assert!(matches!(pin().check(&none), Err(AppPinError::NotActive(_))));
        let mut changed = pin();
        changed.component = Some(Digest::from([8; 32]));
        assert!(matches!(
            changed.check(&info()),
            Err(AppPinError::Component { .. })
        ));
        let mut narrow = pin();
        narrow.imports = Some(vec!["maps".to_owned()]);
        let beyond = AppPinError::Imports {
            app: "bank".to_owned(),
            beyond: vec!["caller".to_owned()],
        };
        assert_eq!(narrow.check(&info()), Err(beyond));
        let (component, imports) = (None, None);
        let free = AppPin {
            component,
            imports,
            ..pin()
        };
        assert_eq!(free.check(&info()), Ok(()));
    }
}
