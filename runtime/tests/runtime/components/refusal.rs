//! Components that are refused before any of them runs, each with what is wrong by name.

use std::fmt::Write as _;

use synod_component::{COMPONENT_BYTES_MAX, ComponentError, inspect};
use synod_replica::app::{Compile, CompileFault};
use synod_runtime::compile_fault;

use crate::components::bench::{Bench, OPEN};
use crate::components::guest::{
    GET, IDENTIFY, PUT, WIT, answer, app, component, component_of, import, module,
};

/// Why a component is refused under the manifest that admits everything: to be run, and to be
/// inspected.
fn refused(component: &[u8]) -> ComponentError {
    let bench = Bench::without(component.to_vec(), OPEN);
    let by_compiler = bench.provide().expect_err("refused");
    let by_inspection = inspect(component, Some(&bench.manifest)).expect_err("refused");
    assert_eq!(by_compiler, by_inspection);
    assert!(!bench.runtime.has(&bench.app));
    by_compiler
}

/// A component from its whole text.
fn text(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("text")
}

/// What there is too much of.
fn too_many(component: &[u8]) -> &'static str {
    match refused(component) {
        ComponentError::TooMany { what, found, max } => {
            assert!(found > max);
            what
        }
        other => panic!("{other}"),
    }
}

#[test]
fn what_is_no_webassembly_is_refused() {
    for bytes in [&b""[..], b"\0asm", b"#!/bin/sh", &[0; 64], &[0xff; 4096]] {
        assert_eq!(refused(bytes), ComponentError::NotWasm);
    }
    let hint = ComponentError::NotWasm.hint().expect("a hint");
    assert!(hint.contains("synod app build"), "{hint}");
}

#[test]
fn a_core_module_is_refused_with_a_hint() {
    let refused = refused(&text("(module (func (export \"handle\")))"));
    assert_eq!(refused, ComponentError::CoreModule);
    let hint = refused.hint().expect("a hint");
    assert!(hint.contains("synod app build"), "{hint}");
}

#[test]
fn a_component_that_answers_no_requests_is_refused() {
    let wanted = "synod:app/handler@0.1.0".to_owned();
    let none = refused(&text("(component)"));
    let found = Vec::new();
    assert_eq!(none, ComponentError::NoHandler { wanted, found });
    assert!(none.to_string().ends_with("it exports nothing"));
    let other = refused(&text(
        "(component (instance (export \"wasi:http/incoming-handler@0.2.0\")))",
    ));
    assert!(
        other
            .to_string()
            .contains("wasi:http/incoming-handler@0.2.0")
    );
}

#[test]
fn a_component_of_another_version_is_refused_with_both_versions() {
    let wit = WIT.replace("synod:app@0.1.0", "synod:app@0.2.0");
    let fields = format!("{} {}", import(&[GET]), module("", "", &answer(200)));
    let fields = fields.replace("@0.1.0", "@0.2.0");
    let refused = refused(&component_of(&wit, "app", &fields));
    let ComponentError::WrongVersion { found, wanted } = &refused else {
        panic!("{refused}");
    };
    assert_eq!(wanted, "synod:app@0.1.0");
    assert!(
        found.contains(&"synod:app/maps@0.2.0".to_owned()),
        "{found:?}"
    );
    assert!(
        found.contains(&"synod:app/handler@0.2.0".to_owned()),
        "{found:?}"
    );
}

#[test]
fn imports_that_the_host_does_not_offer_are_named() {
    let names = [
        "wasi:cli/environment@0.2.3",
        "wasi:sockets/tcp@0.2.3",
        "env",
    ];
    let import = |name: &&str| format!("(import \"{name}\" (instance (export \"f\" (func))))");
    let imports = names.iter().map(import).collect::<Vec<_>>().concat();
    let refused = refused(&text(&format!("(component {imports})")));
    let sorted = [
        "env",
        "wasi:cli/environment@0.2.3",
        "wasi:sockets/tcp@0.2.3",
    ];
    assert_eq!(
        refused,
        ComponentError::UnknownImports(sorted.map(str::to_owned).to_vec())
    );
    assert!(refused.hint().expect("a hint").contains("without WASI"));
}

#[test]
fn an_interface_that_the_package_does_not_have_is_unknown() {
    let text = text("(component (import \"synod:app/sockets@0.1.0\" (instance)))");
    let names = vec!["synod:app/sockets@0.1.0".to_owned()];
    assert_eq!(refused(&text), ComponentError::UnknownImports(names));
}

#[test]
fn imports_beyond_the_manifest_are_named() {
    let component = app(&import(&[GET, PUT, IDENTIFY]), &answer(200));
    let bench = Bench::without(component, "imports = [\"maps\"]");
    let names = ["synod:app/caller@0.1.0", "synod:app/map-writes@0.1.0"];
    let names = names.map(str::to_owned).to_vec();
    assert_eq!(bench.provide(), Err(ComponentError::NotAdmitted(names)));
}

#[test]
fn interfaces_of_another_shape_are_refused() {
    let handler = |lifted: &str| {
        text(&format!(
            r#"(component
                (core module $m (func (export "f") {lifted}))
                (core instance $i (instantiate $m))
                (func $f {lifted} (canon lift (core func $i "f")))
                (instance $h (export "handle" (func $f)))
                (export "synod:app/handler@0.1.0" (instance $h)))"#
        ))
    };
    let imported = text(
        r#"(component
            (import "synod:app/maps@0.1.0" (instance (export "get" (func (param "key" u32)))))
            (instance $h)
            (export "synod:app/handler@0.1.0" (instance $h)))"#,
    );
    let empty =
        text(r#"(component (instance $h) (export "synod:app/handler@0.1.0" (instance $h)))"#);
    for component in [handler(""), imported, empty] {
        let bench = Bench::without(component, OPEN);
        let refused = bench.provide().expect_err("refused");
        assert!(
            matches!(refused, ComponentError::WrongShape(_)),
            "{refused}"
        );
    }
}

#[test]
fn a_component_other_than_the_recorded_one_is_refused() {
    let bench = Bench::without(app("", &answer(200)), OPEN);
    let other = app("", &answer(201));
    let refused = bench.runtime.provide(&Compile {
        app: bench.app.clone(),
        manifest: bench.manifest.clone(),
        component: vec![other.clone().into()],
    });
    let expected = bench.app.component.to_string();
    let found = synod_crypto::sha256(&[&other]).to_string();
    let told = compile_fault(&refused.clone().expect_err("refused"));
    assert_eq!(told, CompileFault::WrongDigest, "a replica knows it");
    assert_eq!(
        refused,
        Err(ComponentError::WrongDigest { found, expected })
    );
    assert!(!bench.runtime.has(&bench.app));
}

#[test]
fn a_component_over_the_size_limit_is_not_even_looked_at() {
    let bytes = COMPONENT_BYTES_MAX + 1;
    let max = COMPONENT_BYTES_MAX;
    assert_eq!(
        refused(&vec![0; bytes]),
        ComponentError::TooLarge { bytes, max }
    );
}

#[test]
fn a_component_that_begins_with_more_memory_than_admitted_is_refused() {
    let bench = Bench::without(app("", &answer(200)), "[limits]\nmemory_bytes = 65536");
    assert_eq!(bench.provide(), Ok(()));
    let large =
        module("", "", &answer(200)).replace("(export \"memory\") 1", "(export \"memory\") 2");
    let bench = Bench::without(component("app", &large), "[limits]\nmemory_bytes = 65536");
    let refused = bench.provide().expect_err("refused");
    let (needed, admitted) = (131_072, 65_536);
    assert_eq!(refused, ComponentError::Memory { needed, admitted });
}

#[test]
fn every_cut_of_a_component_is_refused() {
    let component = app(&import(&[GET]), &answer(200));
    let bench = Bench::without(component.clone(), OPEN);
    for end in (0..component.len()).step_by(7) {
        assert!(inspect(&component[..end], None).is_err(), "cut at {end}");
        assert!(
            bench
                .runtime
                .compile(&component[..end], &bench.manifest)
                .is_err(),
            "cut at {end}"
        );
    }
}

#[test]
fn bytes_that_were_changed_end_in_an_error_or_an_app() {
    let component = app(&import(&[GET, PUT]), &answer(200));
    let bench = Bench::without(component.clone(), OPEN);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for _ in 0..400 {
        let mut changed = component.clone();
        for _ in 0..=next() % 3 {
            let at = next() % changed.len();
            changed[at] = next() as u8;
        }
        let inspected = inspect(&changed, Some(&bench.manifest)).is_ok();
        let compiled = bench.runtime.compile(&changed, &bench.manifest).is_ok();
        assert!(
            inspected || !compiled,
            "compiled what was refused at inspection"
        );
    }
}

#[test]
fn components_that_instantiate_each_other_over_and_over_are_refused() {
    // Each level instantiates the one below ten times: 10^7 instances from less than a kilobyte.
    let mut inner = "(component $c (import \"f\" (func)))".to_owned();
    for level in 0..7 {
        let mut outer = format!("(component $c{level} (import \"f\" (func $f)) {inner}");
        let name = if level == 0 {
            "$c".to_owned()
        } else {
            format!("$c{}", level - 1)
        };
        for _ in 0..10 {
            write!(
                outer,
                "(instance (instantiate {name} (with \"f\" (func $f))))"
            )
            .expect("text");
        }
        inner = format!("{outer})");
    }
    let component = text(&format!("(component {inner})"));
    assert_eq!(too_many(&component), "items");
}

#[test]
fn instances_of_modules_count_as_often_as_their_component_is_instantiated() {
    // Each level instantiates the one below ten times: 10^6 instances of one module.
    let mut inner = "(component $c (core module $m) (core instance (instantiate $m)))".to_owned();
    for level in 0..6 {
        let below = if level == 0 {
            "$c".to_owned()
        } else {
            format!("$c{}", level - 1)
        };
        let instances = format!("(instance (instantiate {below}))").repeat(10);
        inner = format!("(component $c{level} {inner} {instances})");
    }
    assert_eq!(too_many(&text(&format!("(component {inner})"))), "items");
}

#[test]
fn a_component_with_a_module_of_its_own_may_stand_in_another() {
    // So the engine for JavaScript is joined with what stands in for the system that it was
    // compiled for.
    let nested = "(component $c (core module $m) (core instance (instantiate $m)))";
    let component = text(&format!("(component {nested} (instance (instantiate $c)))"));
    let refused = refused(&component);
    assert!(!matches!(refused, ComponentError::Composed(_)), "{refused}");
}

#[test]
fn deep_nesting_is_refused() {
    let nested = (0..20).fold(String::new(), |inner, _| format!("(component {inner})"));
    assert_eq!(too_many(&text(&nested)), "levels of nested components");
}

#[test]
fn many_modules_and_functions_are_refused() {
    let modules = "(core module)".repeat(65);
    assert_eq!(
        too_many(&text(&format!("(component {modules})"))),
        "core modules"
    );
    let functions = "(func)".repeat(200_001);
    let component = text(&format!("(component (core module {functions}))"));
    assert_eq!(too_many(&component), "functions");
}

#[test]
fn components_within_components_are_refused_where_they_pass_code_around() {
    let composed = [
        "(component (core module $m) (component (alias outer 1 $m (core module))))",
        "(component (component (import \"c\" (component))))",
        "(component (component (import \"m\" (core module))))",
        "(component (component $c) (export \"c\" (component $c)))",
        "(component (component $c) (instance (export \"c\" (component $c))))",
    ];
    for composed in composed {
        let refused = refused(&text(composed));
        assert!(
            matches!(refused, ComponentError::Composed(_)),
            "{composed}: {refused}"
        );
    }
}

/// A component with one function of this text in a module.
fn with_function(function: &str) -> Vec<u8> {
    text(&format!("(component (core module {function}))"))
}

#[test]
fn functions_that_a_compiler_would_choke_on_are_refused() {
    let many_results = format!("(func (result {}) unreachable)", "i32 ".repeat(17));
    assert_eq!(
        too_many(&with_function(&many_results)),
        "results of one function"
    );
    let many_parameters = format!("(func (param {}))", "i32 ".repeat(129));
    assert_eq!(
        too_many(&with_function(&many_parameters)),
        "parameters of one function"
    );
    let long = format!("(func {})", "nop ".repeat(600_000));
    assert_eq!(too_many(&with_function(&long)), "bytes in one function");
    let tangled = format!(
        "(func (local {}) {})",
        "i32 ".repeat(40_000),
        "(block)".repeat(2_000)
    );
    assert_eq!(
        too_many(&with_function(&tangled)),
        "variables times blocks in one function"
    );
}

#[test]
fn values_that_meet_in_too_many_places_are_refused() {
    assert_eq!(
        too_many(&component("app", &loops_in_loops(300, 1_000))),
        "meetings of values in one function"
    );
}

/// So many loops in each other, around uses of so many variables.
fn loops_in_loops(variables: usize, loops: usize) -> String {
    let mut uses = String::new();
    for variable in 0..variables {
        write!(
            uses,
            "(local.set {variable} (i32.add (local.get {variable}) (i32.const 1)))"
        )
        .expect("text");
    }
    let locals = "i32 ".repeat(variables);
    let (begin, end) = (
        "(loop ".repeat(loops),
        "(br_if 0 (local.get 0)))".repeat(loops),
    );
    module(
        "",
        &format!("(func (local {locals}) {begin} {uses} {end})"),
        &answer(200),
    )
}
