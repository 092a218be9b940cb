//! Done once: what is sent again under the same reference is answered again, and not done again.

use serde::Serialize;
use synod_app::{Problem, sha256};

use crate::claim::hex;
use crate::records::{Done, REFERENCES};
use crate::rules::{check_reference, refused};

/// What a reference says of a request.
pub(crate) enum Asked {
    /// It is new.
    New(Reference),
    /// It was done before; this was made.
    Before(Vec<String>),
}

/// A reference that the caller has not used before.
pub(crate) struct Reference {
    caller: String,
    name: String,
    asked: String,
}

impl Asked {
    /// Looks up what a caller did under a reference. `asked` is all that is asked for now.
    ///
    /// # Errors
    /// It is no reference, or something else was asked for under it.
    pub(crate) fn by(caller: &str, name: &str, asked: &impl Serialize) -> Result<Self, Problem> {
        check_reference(name)?;
        let json =
            serde_json::to_vec(asked).expect("requests are records of text and whole numbers");
        let asked = hex(&sha256(&json));
        match REFERENCES.get((caller, name)) {
            None => Ok(Asked::New(Reference {
                caller: caller.to_owned(),
                name: name.to_owned(),
                asked,
            })),
            Some(done) if done.asked == asked => Ok(Asked::Before(done.made)),
            Some(_) => Err(refused(
                "reference_reused",
                "something else was asked for under this reference",
            )),
        }
    }
}

impl Reference {
    /// Keeps what was made under it.
    pub(crate) fn keep(self, made: Vec<String>) {
        REFERENCES.put(
            (self.caller, self.name),
            &Done {
                asked: self.asked,
                made,
            },
        );
    }
}
