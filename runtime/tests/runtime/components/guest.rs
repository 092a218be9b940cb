//! Components for tests: a core module as text becomes a component as the language tools make one.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The interfaces as they are.
pub(crate) const WIT: &str = include_str!("../../../../wit/app.wit");

/// What every module has: memory, a bump allocator, and numbers that stand for themselves.
const FRAME: &str = r#"
  (memory (export "memory") 1)
  (data (i32.const 1024) "m")
  (data (i32.const 1040) "public:p")
  (data (i32.const 1056) "key")
  (data (i32.const 1072) "value")
  (data (i32.const 1088) "app.other.m")
  (data (i32.const 1104) "public:app.other.m")
  (data (i32.const 1136) "synod.users")
  (global $free (mut i32) (i32.const 8192))
  (func $realloc (export "cabi_realloc")
    (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $free) (i32.const 7))
      (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (block $enough
      (loop $grow
        (br_if $enough (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
        (br_if $grow (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))
        unreachable))
    (local.get $at))
"#;

/// The private map `m`.
pub(crate) const M: &str = "(i32.const 1024) (i32.const 1)";
/// The public map `public:p`.
pub(crate) const P: &str = "(i32.const 1040) (i32.const 8)";
/// A key.
pub(crate) const KEY: &str = "(i32.const 1056) (i32.const 3)";
/// A value.
pub(crate) const VALUE: &str = "(i32.const 1072) (i32.const 5)";

/// Writes the value to the key of the map `m`.
pub(crate) fn put() -> String {
    format!("(call $map-writes.put {M} {KEY} {VALUE})")
}

/// Grows the memory to about so many MiB.
pub(crate) fn grown(mib: u32) -> String {
    format!("(drop (memory.grow (i32.const {})))", mib * 16)
}

/// Does it for ever.
pub(crate) fn for_ever(statements: &str) -> String {
    format!("(loop $again {statements} (br $again))")
}

/// Does it so many times. Uses `$at`.
pub(crate) fn times(count: u32, statements: &str) -> String {
    format!(
        "(local.set $at (i32.const {count}))
         (loop $again {statements}
           (local.set $at (i32.sub (local.get $at) (i32.const 1)))
           (br_if $again (local.get $at)))"
    )
}

/// The parameters of `handle`, as they are flattened.
const HANDLE: &str = r"
    (param $method i32) (param $method-length i32)
    (param $path i32) (param $path-length i32)
    (param $has-query i32) (param $query i32) (param $query-length i32)
    (param $route i32) (param $route-length i32)
    (param $params i32) (param $params-count i32)
    (param $headers i32) (param $headers-count i32)
    (param $body i32) (param $body-length i32)
    (result i32)
    (local $at i32)
";

/// A component of the world `world`, from the text of its module's fields.
pub(crate) fn component(world: &str, fields: &str) -> Vec<u8> {
    component_of(WIT, world, fields)
}

/// Likewise, of interfaces that are not the ones in force.
pub(crate) fn component_of(wit: &str, world: &str, fields: &str) -> Vec<u8> {
    let mut module = wat::parse_str(format!("(module {fields})")).expect("module text");
    let mut resolve = Resolve::default();
    let package = resolve.push_str("app.wit", wit).expect("wit text");
    let world = resolve
        .select_world(&[package], Some(world))
        .expect("a world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("embeds");
    let encoder = ComponentEncoder::default().validate(true);
    let mut encoder = encoder.module(&module).expect("a module of that world");
    encoder.encode().expect("a component")
}

/// Imports of a module, the frame, and more fields; then a `handle` with this body, which must
/// leave the address of a response on the stack. `$at` is a variable for it.
pub(crate) fn module(imports: &str, fields: &str, handle: &str) -> String {
    format!(
        r#"{imports} {FRAME} {fields}
  (func (export "synod:app/handler@0.1.0#handle") {HANDLE} {handle})"#
    )
}

/// An app that does so in `handle`.
pub(crate) fn app(imports: &str, handle: &str) -> Vec<u8> {
    component("app", &module(imports, "", handle))
}

/// An app that does so in `handle` and answers with status 200 and nothing else, if it gets so far.
pub(crate) fn doing(imports: &str, statements: &str) -> Vec<u8> {
    app(imports, &format!("{statements} {}", answer(200)))
}

/// Leaves the address of an empty response with this status. At address 64.
pub(crate) fn answer(status: u32) -> String {
    respond(
        status,
        "(i32.const 0) (i32.const 0)",
        "(i32.const 0) (i32.const 0)",
    )
}

/// Leaves the address of a response with this status, with the pointers and lengths of headers and
/// body.
pub(crate) fn respond(status: u32, headers: &str, body: &str) -> String {
    let stored = |base: u32, pair: &str| {
        format!(
            "(i32.store offset={base} (i32.const 64) {}) (i32.store offset={} (i32.const 64) {})",
            nth(pair, 0),
            base + 4,
            nth(pair, 1)
        )
    };
    format!(
        "(i32.store16 (i32.const 64) (i32.const {status})) {} {} (i32.const 64)",
        stored(4, headers),
        stored(12, body)
    )
}

/// The first or second expression of two.
fn nth(pair: &str, index: usize) -> &str {
    let mut depth = 0;
    let end = pair
        .char_indices()
        .find(|(_, c)| {
            depth += i32::from(*c == '(') - i32::from(*c == ')');
            depth == 0
        })
        .map_or(pair.len(), |(at, _)| at + 1);
    [&pair[..end], pair[end..].trim_start()][index]
}

/// Imports of functions of `synod:app`, one for each line `interface function (params) (results)`.
pub(crate) fn import(functions: &[&str]) -> String {
    let one = |line: &&str| {
        let mut words = line.splitn(3, ' ');
        let interface = words.next().expect("an interface");
        let function = words.next().expect("a function");
        let signature = words.next().unwrap_or("");
        format!(
            r#"(import "synod:app/{interface}@0.1.0" "{function}" (func ${interface}.{function} {signature}))"#
        )
    };
    functions.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// `maps.get`, flattened: map, key, where the result goes.
pub(crate) const GET: &str = "maps get (param i32 i32 i32 i32 i32)";
/// `maps.range`, flattened.
pub(crate) const RANGE: &str = "maps range (param i32 i32 i32 i32 i32 i32 i32 i32 i32)";
/// `maps.prefix`, flattened.
pub(crate) const PREFIX: &str = "maps prefix (param i32 i32 i32 i32 i32 i32 i32 i32 i32)";
/// `map-writes.put`, flattened: map, key, value.
pub(crate) const PUT: &str = "map-writes put (param i32 i32 i32 i32 i32 i32)";
/// `map-writes.delete`, flattened.
pub(crate) const DELETE: &str = "map-writes delete (param i32 i32 i32 i32)";
/// `map-writes.keep`.
pub(crate) const KEEP: &str = "map-writes keep";
/// `transaction.id`, flattened: where the result goes.
pub(crate) const ID: &str = "transaction id (param i32)";
/// `ledger-time.now`.
pub(crate) const NOW: &str = "ledger-time now (result i64)";
/// `claims.bind`, flattened.
pub(crate) const BIND: &str = "claims bind (param i32 i32)";
/// `random.bytes`, flattened: how many, where the result goes.
pub(crate) const BYTES: &str = "random bytes (param i32 i32)";
/// `random.u64`.
pub(crate) const U64: &str = "random u64 (result i64)";
/// `log.write`, flattened: level, text.
pub(crate) const LOG: &str = "log write (param i32 i32 i32)";
/// `caller.identify`, flattened: where the result goes.
pub(crate) const IDENTIFY: &str = "caller identify (param i32)";
