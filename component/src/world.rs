//! The names of `synod:app`: what the host offers, and what an app offers.

use std::fmt;

/// The package of the interfaces between host and app.
pub const PACKAGE: &str = "synod:app";
/// Its version. Components of other versions are refused.
pub const VERSION: &str = "0.1.0";

/// The interface that every app exports.
pub const HANDLER: &str = "handler";
/// The interface that an app may export besides.
pub const LIFECYCLE: &str = "lifecycle";
/// Types alone; imported wherever they are used.
pub const HTTP: &str = "http";

/// The full name of an interface of this package and version.
pub fn full_name(interface: &str) -> String {
    format!("{PACKAGE}/{interface}@{VERSION}")
}

/// Where a name of an import or export leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Origin<'a> {
    /// An interface of this package and version, by its short name.
    Ours(&'a str),
    /// This package, in another version or in none.
    OtherVersion,
    /// Something else.
    Foreign,
}

/// Sorts a name of an import or export.
pub(crate) fn origin(name: &str) -> Origin<'_> {
    let Some(rest) = name
        .strip_prefix(PACKAGE)
        .and_then(|rest| rest.strip_prefix('/'))
    else {
        return Origin::Foreign;
    };
    match rest.split_once('@') {
        Some((interface, VERSION)) => Origin::Ours(interface),
        _ => Origin::OtherVersion,
    }
}

/// The package and version together, as they are written: `synod:app@0.1.0`.
pub(crate) struct Wanted;

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PACKAGE}@{VERSION}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_package_in_this_version_is_ours() {
        assert_eq!(origin("synod:app/maps@0.1.0"), Origin::Ours("maps"));
        for other in [
            "synod:app/maps@0.1.1",
            "synod:app/maps",
            "synod:app/maps@0.1.0-rc",
        ] {
            assert_eq!(origin(other), Origin::OtherVersion, "{other}");
        }
        for foreign in [
            "synod:apps/maps@0.1.0",
            "wasi:cli/environment@0.2.0",
            "maps",
            "",
        ] {
            assert_eq!(origin(foreign), Origin::Foreign, "{foreign}");
        }
    }

    #[test]
    fn the_version_is_that_of_the_wit_package() {
        let wit = include_str!("../../wit/app.wit");
        assert!(wit.contains(&format!("\npackage {Wanted};\n")));
    }
}
