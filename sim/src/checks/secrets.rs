//! No private value appears in any byte that a host sees: what goes to disk and to other replicas.

use crate::values::{PRIVATE, PUBLIC};

/// What was looked for and found.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    /// How many bytes were searched.
    pub(crate) searched: u64,
    /// How often a public value was found.
    pub(crate) public_found: u64,
}

impl Secrets {
    /// Searches bytes that a host sees.
    pub(crate) fn search(&mut self, bytes: &[u8], whereto: &str) -> Result<(), String> {
        self.searched += bytes.len() as u64;
        // Both markers begin with the same byte, which is rare in what else there is.
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|byte| *byte == PRIVATE[0]) {
            rest = &rest[at..];
            if rest.starts_with(PRIVATE) {
                return Err(format!(
                    "a private value is given to the {whereto} in the clear"
                ));
            }
            self.public_found += u64::from(rest.starts_with(PUBLIC));
            rest = &rest[1..];
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_values_are_found_wherever_they_stand_and_public_ones_are_counted() {
        let mut secrets = Secrets::default();
        let public = [&b"x~~"[..], PUBLIC, b"y"].concat();
        assert_eq!(secrets.search(&public, "disk"), Ok(()));
        assert_eq!(secrets.public_found, 1);
        let private = [&public[..], &PRIVATE[..]].concat();
        assert!(secrets.search(&private, "disk").is_err());
        assert!(
            secrets
                .search(&private[..private.len() - 1], "disk")
                .is_ok()
        );
    }
}
