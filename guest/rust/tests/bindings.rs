//! The bindings in `src/bindings` are what the generator makes of `wit/app.wit`.
//!
//! `SYNOD_BLESS=1 cargo test --test bindings` writes them anew. They are committed so that an app builds without the
//! generator, and so that whoever reads the library sees all of its `unsafe`.

use std::fs;
use std::path::{Path, PathBuf};

use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator as _};
use wit_bindgen_rust::{Opts, RustWasm};

/// Exports nothing but what an app may offer besides: merged with `app` where an app has both.
const LIFECYCLE_ALONE: &str = "\nworld lifecycle-alone {\n    export lifecycle;\n}\n";

#[test]
fn bindings_of_an_app_are_those_of_the_wit() {
    same("app", "app.rs", "");
}

#[test]
fn bindings_of_a_lifecycle_are_those_of_the_wit() {
    same("lifecycle-alone", "lifecycle.rs", LIFECYCLE_ALONE);
}

fn same(world: &str, file: &str, addition: &str) {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wit =
        fs::read_to_string(own.join("../../wit/app.wit")).expect("the WIT is beside the library");
    let made = generate(&(wit + addition), world);
    let kept: PathBuf = own.join("src/bindings").join(file);
    if std::env::var_os("SYNOD_BLESS").is_some() {
        fs::write(&kept, &made).expect("the folder of the bindings is writable");
    }
    let found = fs::read_to_string(&kept).unwrap_or_default();
    assert!(
        found == made,
        "{} is not what the generator makes: run with SYNOD_BLESS=1",
        kept.display()
    );
}

fn generate(wit: &str, world: &str) -> String {
    let mut resolve = Resolve::default();
    let package = resolve
        .push_str("app.wit", wit)
        .expect("the WIT is well formed");
    let world_id = resolve
        .select_world(&[package], Some(world))
        .expect("the world is in the WIT");
    let module = world.trim_end_matches("-alone");
    let options = Opts {
        format: true,
        generate_all: true,
        pub_export_macro: true,
        export_macro_name: Some(format!("export_{module}")),
        default_bindings_module: Some(format!("::synod_app::bindings::{module}")),
        additional_derive_attributes: vec!["PartialEq".to_owned(), "Eq".to_owned()],
        ..Opts::default()
    };
    let mut files = Files::default();
    let mut generator: RustWasm = options.build();
    generator
        .generate(&mut resolve, world_id, &mut files)
        .expect("the WIT can be bound");
    let (_, contents) = files.iter().next().expect("one file is made");
    String::from_utf8(contents.to_vec()).expect("source is text")
}
