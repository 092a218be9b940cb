//! A stand-in for `/dev/nsm`: it reads the request strictly, keeps the module's
//! bounds, and cuts off what does not fit, as the driver does.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use minicbor::{Decoder, Encoder, data::Type};
use rustix::io::Errno;
use synod_attester::{NSM_NONCE_MAX, NSM_PUBLIC_KEY_MAX, NSM_USER_DATA_MAX, NsmDevice};

use crate::hardware::errno;

/// Longest request that the driver takes.
const REQUEST_BYTES_MAX: usize = 0x1000;
/// Longest answer that the module gives.
const ANSWER_BYTES_MAX: usize = 0x3000;

/// The module's state.
pub(crate) struct Module {
    /// Makes a document over user data.
    pub(crate) document: fn(&[u8]) -> Vec<u8>,
    /// Errors of the next calls.
    pub(crate) fails: Vec<Errno>,
    /// What it answers instead of a document.
    pub(crate) answers: Option<Vec<u8>>,
    /// The user data of the last request.
    pub(crate) user_data: Option<Vec<u8>>,
    pub(crate) calls: usize,
}

#[derive(Clone)]
pub(crate) struct NsmModule(Arc<Mutex<Module>>);

impl Default for NsmModule {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Module {
            document: |user_data| [b"document over ", user_data].concat(),
            fails: Vec::new(),
            answers: None,
            user_data: None,
            calls: 0,
        })))
    }
}

impl NsmModule {
    pub(crate) fn module(&self) -> MutexGuard<'_, Module> {
        self.0.lock().expect("no test panics here")
    }
}

impl NsmDevice for NsmModule {
    fn exchange(&mut self, request: &[u8], answer: &mut [u8]) -> io::Result<usize> {
        let mut module = self.module();
        module.calls += 1;
        if let Some(error) = module.fails.pop() {
            return Err(errno(error));
        }
        if request.len() > REQUEST_BYTES_MAX {
            return Err(errno(Errno::MSGSIZE));
        }
        let full = module.answer(request);
        let length = full.len().min(answer.len());
        answer[..length].copy_from_slice(&full[..length]);
        Ok(length)
    }
}

impl Module {
    fn answer(&mut self, request: &[u8]) -> Vec<u8> {
        if let Some(answer) = &self.answers {
            return answer.clone();
        }
        match fields(request) {
            Err(_) => refusal("InvalidOperation"),
            Ok(fields)
                if fields
                    .iter()
                    .zip(BOUNDS)
                    .any(|(f, most)| long(f.as_ref()) > most) =>
            {
                refusal("InputTooLarge")
            }
            Ok([user_data, ..]) => {
                let document = (self.document)(user_data.as_deref().unwrap_or(&[]));
                self.user_data = user_data;
                let answer = attestation(&document);
                assert!(answer.len() <= ANSWER_BYTES_MAX);
                answer
            }
        }
    }
}

const BOUNDS: [usize; 3] = [NSM_USER_DATA_MAX, NSM_NONCE_MAX, NSM_PUBLIC_KEY_MAX];

fn long(field: Option<&Vec<u8>>) -> usize {
    field.map_or(0, Vec::len)
}

/// The fields of an `Attestation` request; they are named, and all there.
pub(crate) fn fields(request: &[u8]) -> Result<[Option<Vec<u8>>; 3], minicbor::decode::Error> {
    let wrong = || minicbor::decode::Error::message("not an attestation request");
    let mut decoder = Decoder::new(request);
    if decoder.map()? != Some(1) || decoder.str()? != "Attestation" || decoder.map()? != Some(3) {
        return Err(wrong());
    }
    let mut fields = [None, None, None];
    for (name, field) in ["user_data", "nonce", "public_key"]
        .into_iter()
        .zip(&mut fields)
    {
        if decoder.str()? != name {
            return Err(wrong());
        }
        if decoder.datatype()? == Type::Null {
            decoder.null()?;
        } else {
            *field = Some(decoder.bytes()?.to_vec());
        }
    }
    if decoder.position() != request.len() {
        return Err(wrong());
    }
    Ok(fields)
}

/// The answer that holds a document.
pub(crate) fn attestation(document: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    encoder
        .map(1)
        .and_then(|e| e.str("Attestation"))
        .and_then(|e| e.map(1))
        .and_then(|e| e.str("document"))
        .and_then(|e| e.bytes(document))
        .expect("writing to a vector cannot fail");
    encoder.into_writer()
}

/// The answer of a module that refuses.
pub(crate) fn refusal(code: &str) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    encoder
        .map(1)
        .and_then(|e| e.str("Error"))
        .and_then(|e| e.str(code))
        .expect("writing to a vector cannot fail");
    encoder.into_writer()
}
