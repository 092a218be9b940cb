//! Gramine's files: how a program in an SGX enclave asks for quotes under the
//! library OS Gramine (Gramine's documentation, "Attestation and Secret
//! Provisioning").
//!
//! The files belong to the process, so nobody writes between our write and our
//! read; the quote must carry our report data all the same.

use std::path::{Path, PathBuf};

use synod_attestation::{Evidence, Tee};

use crate::{
    files::{Files, read_whole},
    os_error::OsError,
    retry::{Pause, with_retries},
    spoken::report_data,
};

/// Where Gramine shows them.
pub const GRAMINE_ROOT: &str = "/dev/attestation";

/// Longest name of a scheme that is read.
const SCHEME_BYTES_MAX: usize = 64;

/// Gramine gave no evidence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GramineError {
    /// One of the files cannot be used.
    #[error("`{file}`: {error}")]
    File {
        /// Its name.
        file: &'static str,
        /// What Gramine said.
        error: OsError,
    },
    /// The enclave's manifest chose another scheme than DCAP; the manifest
    /// needs `sgx.remote_attestation = "dcap"`.
    #[error("the manifest sets the attestation scheme `{0}`, expected `dcap`")]
    Scheme(String),
    /// Gramine took only a part of the report data.
    #[error("only {0} of 64 bytes were written to `user_report_data`")]
    ShortWrite(usize),
    /// The quote is longer than evidence can be.
    #[error("the quote is longer than the {0} bytes allowed")]
    TooLong(usize),
    /// What was read is not a quote of version 3.
    #[error("the file has {0} bytes that are not a quote of version 3")]
    NoQuote(usize),
    /// The quote speaks for other report data than ours.
    #[error("the quote does not contain the report data that was written")]
    ForeignQuote,
}

/// Asks for quotes through Gramine's files.
pub struct Gramine {
    root: PathBuf,
    files: Box<dyn Files>,
    pause: Box<dyn Pause>,
}

impl Gramine {
    /// Opens the files under `root` (usually [`GRAMINE_ROOT`]), which must
    /// offer DCAP.
    pub fn open(
        root: &Path,
        files: Box<dyn Files>,
        pause: Box<dyn Pause>,
    ) -> Result<Self, GramineError> {
        let mut opened = Self {
            root: root.to_owned(),
            files,
            pause,
        };
        let scheme = opened.read("attestation_type", SCHEME_BYTES_MAX)?;
        match scheme.trim_ascii() {
            b"dcap" => Ok(opened),
            other => {
                let other = String::from_utf8_lossy(other);
                Err(GramineError::Scheme(other.escape_debug().to_string()))
            }
        }
    }

    /// A quote over `wanted`.
    pub(crate) fn ask(&mut self, wanted: &[u8; 64]) -> Result<Vec<u8>, GramineError> {
        self.write("user_report_data", wanted)?;
        let quote = self.read("quote", Evidence::BYTES_MAX)?;
        if quote.len() > Evidence::BYTES_MAX {
            return Err(GramineError::TooLong(Evidence::BYTES_MAX));
        }
        match report_data(Tee::Sgx, &quote) {
            Some(found) if found == wanted => Ok(quote),
            Some(_) => Err(GramineError::ForeignQuote),
            None => Err(GramineError::NoQuote(quote.len())),
        }
    }

    fn read(&mut self, file: &'static str, most: usize) -> Result<Vec<u8>, GramineError> {
        let (path, files) = (self.root.join(file), &mut *self.files);
        with_retries(&mut *self.pause, || read_whole(files, &path, most))
            .map_err(|error| GramineError::File { file, error })
    }

    fn write(&mut self, file: &'static str, bytes: &[u8; 64]) -> Result<(), GramineError> {
        let (path, files) = (self.root.join(file), &mut *self.files);
        let written = with_retries(&mut *self.pause, || files.write(&path, bytes))
            .map_err(|error| GramineError::File { file, error })?;
        if written != bytes.len() {
            return Err(GramineError::ShortWrite(written));
        }
        Ok(())
    }
}
