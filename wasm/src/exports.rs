//! What the module exports. The host asks for room ([`input`]), writes each part
//! of its request there, calls [`judge`], and reads the answer.
//!
//! The buffers are the module's own and live until the next call of the same
//! export; nothing here dereferences a pointer.
#![allow(
    unsafe_code,
    reason = "a name without mangling counts as unsafe; there is no other way to be called"
)]

use std::cell::RefCell;

use crate::request::Request;

/// Longest part of a request, in bytes. Each kind has a tighter bound of its
/// own where it is parsed.
const PART_BYTES_MAX: usize = 2 * 1024 * 1024;

thread_local! {
    static REQUEST: RefCell<Request> = RefCell::default();
    static ANSWER: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Room for `length` bytes of the part with this number: 0 evidence,
/// 1 endorsements, 2 policy, 3 TEE, 4 report data, 5 nonce, 6 policies to
/// compare with. Zero if there is no such part or it would be too long.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn input(part: u32, length: usize) -> *mut u8 {
    if length > PART_BYTES_MAX {
        return std::ptr::null_mut();
    }
    REQUEST.with_borrow_mut(|request| {
        let part = match part {
            0 => &mut request.evidence,
            1 => &mut request.endorsements,
            2 => &mut request.policy,
            3 => &mut request.tee,
            4 => &mut request.report_data,
            5 => &mut request.nonce,
            6 => &mut request.against,
            _ => return std::ptr::null_mut(),
        };
        *part = vec![0; length];
        part.as_mut_ptr()
    })
}

/// Judges what was written, as of `now_ms` (Unix milliseconds), and forgets it.
/// The result is the length of the answer in bytes.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn judge(now_ms: u64) -> usize {
    let answer = REQUEST.take().answer(now_ms);
    let length = answer.len();
    ANSWER.set(answer);
    length
}

/// Where the last answer stands, in UTF-8.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn answer() -> *const u8 {
    ANSWER.with_borrow(|answer| answer.as_ptr())
}
