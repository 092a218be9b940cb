//! Components that do harm: each hurts its own call only, and is told of by name.

use synod_replica::guest::GuestFault;

use crate::bench::Bench;
use crate::guest::{answer, app, doing};

#[test]
fn a_trap_ends_the_call_and_its_text_is_in_the_log_alone() {
    let bench = Bench::open(app("", "unreachable"));
    assert_eq!(bench.fault(), GuestFault::Trapped);
    let texts = bench.lines.texts();
    assert!(texts[0].contains("unreachable"), "{texts:?}");
    assert!(!GuestFault::Trapped.to_string().contains("unreachable"));
}

#[test]
fn an_app_that_answers_is_heard() {
    let bench = Bench::open(app("", &answer(204)));
    assert_eq!(bench.call().expect("an answer").response.status, 204);
}

#[test]
fn an_endless_loop_ends_after_its_time() {
    let manifest = "[limits]\ntime_ms = 30";
    let bench = Bench::with(doing("", "(loop $for-ever (br $for-ever))"), manifest);
    assert_eq!(bench.fault(), GuestFault::TimeExceeded { max_ms: 30 });
}
