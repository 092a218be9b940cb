//! Components that do harm: each hurts its own call only, and is told of by name.

use std::sync::Arc;
use std::time::Instant;

use synod_replica::app::{AppFault, Task};
use synod_runtime::{CLAIMS_MAX, LOG_LINE_BYTES_MAX, LogLevel};

use crate::components::bench::{Bench, OPEN};
use crate::components::guest::{
    BIND, BYTES, DELETE, GET, KEEP, KEY, LOG, M, NOW, PUT, RANGE, VALUE, answer, app, component,
    doing, for_ever, grown, import, module, put, respond, times,
};

/// The fault in which an app ends that is admitted everything.
fn fault_of(imports: &[&str], statements: &str) -> AppFault {
    Bench::open(doing(&import(imports), statements)).fault()
}

/// The fault in which an app ends that gives this response.
fn fault_of_response(statements: &str, headers: &str, body: &str) -> AppFault {
    let response = respond(200, headers, body);
    Bench::open(app("", &format!("{statements} {response}"))).fault()
}

const NONE: &str = "(i32.const 0) (i32.const 0)";

#[test]
fn a_trap_ends_the_call_and_its_text_is_in_the_log_alone() {
    let bench = Bench::open(app("", "unreachable"));
    assert_eq!(bench.fault(), AppFault::Trapped);
    let all = bench.lines.all();
    assert!(all[0].1.text.contains("unreachable"), "{all:?}");
    assert!(all[0].1.of_host && all[0].1.level == LogLevel::Error);
    assert!(!AppFault::Trapped.to_string().contains("unreachable"));
}

#[test]
fn an_endless_loop_ends_after_its_time() {
    let manifest = "[limits]\ntime_ms = 30";
    let bench = Bench::with(doing("", &for_ever("")), manifest);
    let begun = Instant::now();
    assert_eq!(bench.fault(), AppFault::TimeExceeded { max_ms: 30 });
    assert!(begun.elapsed().as_millis() >= 25, "it had its time");
}

#[test]
fn an_endless_loop_through_the_host_ends_after_its_time() {
    let manifest = format!("{OPEN}[limits]\ntime_ms = 30");
    let asking = for_ever("(drop (call $ledger-time.now))");
    let bench = Bench::with(doing(&import(&[NOW]), &asking), &manifest);
    assert_eq!(bench.fault(), AppFault::TimeExceeded { max_ms: 30 });
}

#[test]
fn others_go_on_while_one_loops() {
    let looping = "(if (i32.ne (local.get $body-length) (i32.const 0)) (then (loop $l (br $l))))";
    let bench = Arc::new(Bench::with(doing("", looping), "[limits]\ntime_ms = 400"));
    let other = Arc::clone(&bench);
    let thread = std::thread::spawn(move || other.post(b"x").expect_err("a fault"));
    let mut answered = 0;
    while !thread.is_finished() {
        assert_eq!(bench.call().expect("an answer").response.status, 200);
        answered += 1;
    }
    assert_eq!(
        thread.join().expect("ends"),
        AppFault::TimeExceeded { max_ms: 400 }
    );
    assert!(answered > 100, "{answered} answers while one looped");
}

#[test]
fn a_memory_bomb_ends_at_its_limit() {
    let bomb =
        for_ever("(if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))");
    let bench = Bench::with(doing("", &bomb), "[limits]\nmemory_bytes = 1048576");
    let max_bytes = 1 << 20;
    assert_eq!(bench.fault(), AppFault::MemoryExceeded { max_bytes });
}

#[test]
fn an_app_may_go_on_after_it_was_refused_memory() {
    let greedy = "(drop (memory.grow (i32.const 1000)))";
    let bench = Bench::with(doing("", greedy), "[limits]\nmemory_bytes = 1048576");
    assert_eq!(bench.call().expect("an answer").response.status, 200);
}

#[test]
fn all_memories_of_an_instance_count_together() {
    let limits = "[limits]\nmemory_bytes = 1048576";
    let fits = Bench::with(two_memories(8), limits);
    assert_eq!(fits.call().expect("an answer").response.status, 200);
    let too_much = Bench::with(two_memories(16), limits);
    let max_bytes = 1 << 20;
    assert_eq!(too_much.fault(), AppFault::MemoryExceeded { max_bytes });
}

/// A component with one memory of one page, and one of so many: sections of a second module, and of
/// an instance of it, stand behind those of an app.
fn two_memories(pages: u32) -> Vec<u8> {
    let mut component = app("", &answer(200));
    let module = wat::parse_str(format!("(module (memory {pages}))")).expect("text");
    component.extend([1, u8::try_from(module.len()).expect("a short one")]);
    component.extend(module);
    let instance_of_the_second = [2, 4, 1, 0, 1, 0];
    component.extend(instance_of_the_second);
    component
}

#[test]
fn recursion_without_end_ends_at_the_stacks() {
    let fields = module(
        "",
        "(func $deeper (param i32) (result i32)
        (i32.add (i32.const 1) (call $deeper (local.get 0))))",
        &format!("(drop (call $deeper (i32.const 1))) {}", answer(200)),
    );
    let bench = Bench::open(component("app", &fields));
    assert_eq!(bench.fault(), AppFault::StackExceeded);
    assert_eq!(
        bench.fault(),
        AppFault::StackExceeded,
        "and the next call is as the first"
    );
}

#[test]
fn a_response_over_its_limit_is_refused() {
    let max_bytes = 1 << 20;
    let ten_mb = fault_of_response(&grown(11), NONE, "(i32.const 0) (i32.const 10000000)");
    assert_eq!(ten_mb, AppFault::ResponseTooLarge { max_bytes });
}

#[test]
fn what_is_handed_over_at_once_is_bounded_before_it_is_copied() {
    let too_much = |fault: AppFault| {
        let AppFault::KeyOrValueTooLarge(text) = fault else {
            panic!("{fault:?}");
        };
        assert_eq!(text, "more than 16777216 bytes handed over at once");
    };
    // A body of 40 MB; and a million header fields, all the same ones.
    too_much(fault_of_response(
        &grown(40),
        NONE,
        "(i32.const 0) (i32.const 40000000)",
    ));
    too_much(fault_of_response(
        &grown(40),
        "(i32.const 65536) (i32.const 1000000)",
        NONE,
    ));
    // Few fields, each of them as long as a mebibyte: overlapping strings count as often as they
    // are named.
    let long = "(memory.fill (i32.const 65536) (i32.const 97) (i32.const 1048576))
        (local.set $at (i32.const 1200000))
        (loop $again
          (i32.store offset=0 (local.get $at) (i32.const 65536))
          (i32.store offset=4 (local.get $at) (i32.const 1048576))
          (i32.store offset=8 (local.get $at) (i32.const 65536))
          (i32.store offset=12 (local.get $at) (i32.const 1048576))
          (local.set $at (i32.add (local.get $at) (i32.const 16)))
          (br_if $again (i32.lt_u (local.get $at) (i32.const 1200480))))";
    let fields = "(i32.const 1200000) (i32.const 30)";
    too_much(fault_of_response(
        &format!("{} {long}", grown(8)),
        fields,
        NONE,
    ));
    let text = format!(
        "{} (call $log.write (i32.const 1) (i32.const 0) (i32.const 40000000))",
        grown(40)
    );
    too_much(fault_of(&[LOG], &text));
}

#[test]
fn lists_that_reach_beyond_memory_are_refused() {
    let beyond = "(i32.const 8) (i32.const -1)";
    assert_eq!(fault_of_response("", NONE, beyond), AppFault::Trapped);
    assert_eq!(
        fault_of_response("", "(i32.const 8) (i32.const 268435455)", NONE),
        AppFault::Trapped
    );
    let get = format!("(call $maps.get {M} {beyond} (i32.const 64))");
    assert_eq!(fault_of(&[GET], &get), AppFault::Trapped);
    let put = format!("(call $map-writes.put {beyond} {KEY} {VALUE})");
    assert_eq!(fault_of(&[PUT], &put), AppFault::Trapped);
}

#[test]
fn text_that_is_no_text_is_refused() {
    let log = "(i32.store8 (i32.const 2048) (i32.const 255))
        (call $log.write (i32.const 1) (i32.const 2048) (i32.const 1))";
    assert_eq!(fault_of(&[LOG], log), AppFault::Trapped);
}

#[test]
fn maps_that_the_manifest_does_not_declare_are_out_of_reach() {
    let names = [
        ("(i32.const 1056) (i32.const 3)", "key"),
        ("(i32.const 1088) (i32.const 11)", "app.other.m"),
        ("(i32.const 1104) (i32.const 18)", "public:app.other.m"),
        ("(i32.const 1136) (i32.const 11)", "synod.users"),
        ("(i32.const 0) (i32.const 0)", ""),
        // The private map's name for a public one, and the other way round.
        ("(i32.const 1047) (i32.const 1)", "p"),
    ];
    for (name, shown) in names {
        let undeclared = AppFault::UndeclaredMap(shown.to_owned());
        let written = format!("(call $map-writes.put {name} {KEY} {VALUE})");
        assert_eq!(fault_of(&[PUT], &written), undeclared);
        let deleted = format!("(call $map-writes.delete {name} {KEY})");
        assert_eq!(fault_of(&[DELETE], &deleted), undeclared);
        let read = format!("(call $maps.get {name} {KEY} (i32.const 2048))");
        assert_eq!(fault_of(&[GET], &read), undeclared);
        let range = format!(
            "(call $maps.range {name} {KEY} (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 9) (i32.const 2048))"
        );
        assert_eq!(fault_of(&[RANGE], &range), undeclared);
    }
}

#[test]
fn a_long_name_is_shown_in_part() {
    let long = format!(
        "{} (memory.fill (i32.const 65536) (i32.const 97) (i32.const 1048576))
        (call $maps.get (i32.const 65536) (i32.const 1048576) {KEY} (i32.const 2048))",
        grown(2)
    );
    let AppFault::UndeclaredMap(shown) = fault_of(&[GET], &long) else {
        panic!("another fault");
    };
    assert!(shown.len() <= 80, "{}", shown.len());
}

#[test]
fn keys_values_and_writes_over_the_stores_limits_are_refused() {
    let put = |key: u32, value: u32| {
        let put = format!(
            "{} (call $map-writes.put {M} (i32.const 4096) (i32.const {key}) (i32.const 4096) (i32.const {value}))",
            grown(12)
        );
        Bench::open(doing(&import(&[PUT]), &put))
            .call()
            .map(|completion| completion.writes.len())
    };
    let too_large = |found: Result<usize, AppFault>, text: &str| {
        assert_eq!(found, Err(AppFault::KeyOrValueTooLarge(text.to_owned())));
    };
    assert_eq!(put(512, 1 << 20), Ok(1));
    too_large(put(513, 1), "key of 513 bytes is longer than 512");
    too_large(
        put(10_000_000, 1),
        "key of 10000000 bytes is longer than 512",
    );
    too_large(
        put(1, (1 << 20) + 1),
        "value of 1048577 bytes is longer than 1048576",
    );
    let get = format!("(call $maps.get {M} (i32.const 4096) (i32.const 513) (i32.const 2048))");
    let found = fault_of(&[GET], &get);
    too_large(Err(found), "key of 513 bytes is longer than 512");
}

#[test]
fn all_writes_together_are_bounded() {
    let many = format!(
        "{} {}",
        grown(2),
        times(
            5,
            &format!(
                "(i32.store (i32.const 2048) (local.get $at))
                 (call $map-writes.put {M} (i32.const 2048) (i32.const 4) (i32.const 4096) (i32.const 1048576))"
            )
        )
    );
    let AppFault::KeyOrValueTooLarge(text) = fault_of(&[PUT], &many) else {
        panic!("another fault");
    };
    assert!(text.contains("4194304"), "{text}");
}

#[test]
fn maps_are_used_as_often_as_the_limit_says_and_no_more() {
    let limits = |max: u64| format!("{OPEN}[limits]\nmap_operations = {max}");
    let get = times(3, &format!("(call $maps.get {M} {KEY} (i32.const 2048))"));
    let component = doing(&import(&[GET]), &get);
    assert!(Bench::with(component.clone(), &limits(3)).call().is_ok());
    let max = 2;
    let exceeded = AppFault::MapOperationsExceeded { max };
    assert_eq!(Bench::with(component, &limits(max)).fault(), exceeded);
}

#[test]
fn what_is_read_counts_by_its_size_as_well() {
    let get = times(40, &format!("(call $maps.get {M} {KEY} (i32.const 2048))"));
    let manifest = format!("{OPEN}[limits]\nmap_operations = 1000");
    let mut bench = Bench::with(doing(&import(&[GET]), &get), &manifest);
    bench.fill("app.app.m", &[(b"key", &[7; 100])]);
    assert!(bench.call().is_ok());
    bench.fill("app.app.m", &[(b"key", &vec![7; 1 << 20])]);
    assert_eq!(bench.fault(), AppFault::MapOperationsExceeded { max: 1000 });
}

#[test]
fn a_query_cannot_write() {
    for write in [
        put(),
        format!("(call $map-writes.delete {M} {KEY})"),
        "(call $map-writes.keep)".to_owned(),
    ] {
        let bench = Bench::open(doing(&import(&[PUT, DELETE, KEEP]), &write));
        let mut execution = bench.execution();
        execution.read_only = true;
        assert_eq!(
            bench.run(execution).expect_err("a fault"),
            AppFault::WriteInQuery
        );
    }
}

#[test]
fn a_claim_is_a_digest_and_there_are_few_of_them() {
    let bind = |length: u32| format!("(call $claims.bind (i32.const 1024) (i32.const {length}))");
    for length in [0, 31, 33] {
        assert_eq!(fault_of(&[BIND], &bind(length)), AppFault::BadClaim);
    }
    let max = u32::try_from(CLAIMS_MAX).expect("few");
    let bench = Bench::open(doing(&import(&[BIND]), &times(max, &bind(32))));
    assert_eq!(bench.call().expect("an answer").claims.len(), CLAIMS_MAX);
    assert_eq!(
        fault_of(&[BIND], &times(max + 1, &bind(32))),
        AppFault::TooManyClaims
    );
}

#[test]
fn randomness_is_bounded_at_once_and_in_all() {
    let draw = |length: u32| format!("(call $random.bytes (i32.const {length}) (i32.const 2048))");
    assert!(
        Bench::open(doing(&import(&[BYTES]), &draw(65_536)))
            .call()
            .is_ok()
    );
    assert_eq!(fault_of(&[BYTES], &draw(65_537)), AppFault::RandomTooMuch);
    assert_eq!(fault_of(&[BYTES], &draw(u32::MAX)), AppFault::RandomTooMuch);
    assert_eq!(
        fault_of(&[BYTES], &times(17, &draw(65_536))),
        AppFault::RandomTooMuch
    );
}

#[test]
fn a_flood_of_lines_is_cut_short_and_the_call_goes_on() {
    let flood = format!(
        "{} {}",
        grown(11),
        times(
            5_000,
            "(call $log.write (i32.const 0) (i32.const 65536) (i32.const 10000000))"
        )
    );
    let bench = Bench::with(
        doing(&import(&[LOG]), &flood),
        &format!("{OPEN}[limits]\nlog_lines = 20\ntime_ms = 10000"),
    );
    assert_eq!(bench.call().expect("an answer").response.status, 200);
    let all = bench.lines.all();
    assert_eq!(all.len(), 21);
    assert!(
        all.iter()
            .all(|(_, line)| line.text.len() <= LOG_LINE_BYTES_MAX)
    );
    assert!(all[20].1.of_host && all[20].1.text.contains("not kept"));
}

#[test]
fn an_allocator_that_lies_harms_nobody() {
    let lying = |result: &str| {
        let fields = module("", "", &answer(200));
        let end = fields
            .find("(local $at i32)\n    (local.set $at (i32.and")
            .expect("the allocator");
        let (before, after) = fields.split_at(end);
        component(
            "app",
            &format!(
                "{before} (local $at i32) (return {result}) {}",
                &after["(local $at i32)".len()..]
            ),
        )
    };
    for result in ["(i32.const -16)", "(i32.const 65530)", "(i32.const 3)"] {
        assert_eq!(
            Bench::open(lying(result))
                .post(b"a body of some length")
                .expect_err("a fault"),
            AppFault::Trapped
        );
    }
    let endless = lying("(loop $l (result i32) (br $l))");
    let bench = Bench::with(endless, "[limits]\ntime_ms = 30");
    let fault = bench.post(b"a body").expect_err("a fault");
    assert_eq!(fault, AppFault::TimeExceeded { max_ms: 30 });
}

#[test]
fn a_beginning_that_never_ends_ends_after_its_time() {
    let fields = module(
        "",
        "(func $start (loop $l (br $l))) (start $start)",
        &answer(200),
    );
    let bench = Bench::with(component("app", &fields), "[limits]\ntime_ms = 30");
    assert_eq!(bench.fault(), AppFault::TimeExceeded { max_ms: 30 });
    let fields = module("", "(func $start unreachable) (start $start)", &answer(200));
    assert_eq!(
        Bench::open(component("app", &fields)).fault(),
        AppFault::Trapped
    );
}

#[test]
fn a_fault_leaves_nothing_of_what_was_written_before_it() {
    let bench = Bench::open(doing(&import(&[PUT]), &format!("{} unreachable", put())));
    assert_eq!(bench.fault(), AppFault::Trapped);
    assert_eq!(bench.state.read().head(), 0);
}

/// An app whose `init` and `migrate` do so; they must leave the address of a verdict.
fn with_lifecycle(imports: &str, init: &str, migrate: &str) -> Vec<u8> {
    let fields = format!(
        r#"(func (export "synod:app/lifecycle@0.1.0#init") (result i32) {init})
           (func (export "synod:app/lifecycle@0.1.0#migrate") (param i32 i32) (result i32) {migrate})"#
    );
    component(
        "app-with-lifecycle",
        &module(imports, &fields, &answer(200)),
    )
}

/// Leaves a verdict that all is well.
const WELL: &str = "(i32.store8 (i32.const 64) (i32.const 0)) (i32.const 64)";
/// Leaves the verdict `value`.
const BAD: &str = "(i32.store8 (i32.const 64) (i32.const 1))
    (i32.store (i32.const 68) (i32.const 1072)) (i32.store (i32.const 72) (i32.const 5)) (i32.const 64)";

fn migrate() -> Task {
    Task::Migrate {
        from: "0.9".to_owned(),
    }
}

#[test]
fn init_and_migrate_that_trap_or_refuse_leave_nothing() {
    let trap = &format!("{} unreachable", put());
    let bench = Bench::open(with_lifecycle(&import(&[PUT]), trap, trap));
    assert_eq!(
        bench.task(Task::Init).expect_err("a fault"),
        AppFault::Trapped
    );
    assert_eq!(
        bench.task(migrate()).expect_err("a fault"),
        AppFault::Trapped
    );
    let refuse = &format!("{} {BAD}", put());
    let bench = Bench::open(with_lifecycle(&import(&[PUT]), refuse, refuse));
    let refused = AppFault::LifecycleRefused("value".to_owned());
    assert_eq!(bench.task(Task::Init).expect_err("a fault"), refused);
    assert_eq!(bench.task(migrate()).expect_err("a fault"), refused);
    assert!(
        !refused.to_string().contains("value"),
        "the text is for the log"
    );
    let line = &bench.lines.texts()[0];
    assert!(
        line.contains("refused") && line.ends_with(": value"),
        "the app's own log has the text: {line}"
    );
}

#[test]
fn init_and_migrate_give_what_they_wrote() {
    let write = &format!("{} {WELL}", put());
    let bench = Bench::open(with_lifecycle(&import(&[PUT]), write, write));
    for task in [Task::Init, migrate()] {
        let completion = bench.task(task).expect("an end");
        assert_eq!(completion.writes.len(), 1);
    }
}

#[test]
fn an_app_without_a_lifecycle_is_set_without_more_ado() {
    let bench = Bench::open(app("", &answer(200)));
    assert!(bench.task(Task::Init).expect("an end").writes.is_empty());
    assert!(bench.task(migrate()).expect("an end").writes.is_empty());
}

#[test]
fn init_may_take_ten_times_as_long_and_no_longer() {
    let forever = "(loop $l (result i32) (br $l))";
    let component = with_lifecycle("", forever, WELL);
    let bench = Bench::with(component, "[limits]\ntime_ms = 5");
    assert_eq!(
        bench.task(Task::Init).expect_err("a fault"),
        AppFault::TimeExceeded { max_ms: 50 }
    );
}

#[test]
fn a_version_that_is_not_installed_is_not_run() {
    let bench = Bench::open(app("", &answer(200)));
    assert!(bench.runtime.has(&bench.app));
    assert!(bench.runtime.uninstall(&bench.app));
    assert_eq!(bench.fault(), AppFault::NotInstalled);
    let mut execution = bench.execution();
    execution.app.number = 2;
    assert_eq!(
        bench.run(execution).expect_err("a fault"),
        AppFault::NotInstalled
    );
}
