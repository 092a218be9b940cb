//! How code looks: files that open with what they are, of bounded length; functions that can be
//! read at once; faces that only re-export; no leftovers; names that say something.

use std::path::Path;

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Expr, ExprMethodCall, Item, Meta, Signature};

use crate::finding::Finding;
use crate::sources::{Place, Source, is_for_tests};
use crate::workspace::Package;

/// Longest file, in lines.
const FILE_LINES_MAX: usize = 1000;
/// Longest function, in lines from its name to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// Longest line of a comment, in columns, where it can be broken.
const COMMENT_COLUMNS_MAX: usize = 100;

/// Macros that are left in by mistake.
const BANNED_MACROS: &[&str] = &["todo", "unimplemented", "dbg"];
/// Words that promise work for later, in comments.
const BANNED_WORDS: &[&str] = &["TODO", "FIXME", "XXX", "HACK"];
/// Names that say nothing about what is inside.
const BANNED_MODULES: &[&str] = &[
    "common", "util", "utils", "helper", "helpers", "types", "misc",
];

/// The one file that may hold `unsafe`.
const UNSAFE_PLACE: &str = "attester/src/linux/ioctl.rs";

/// Checks every file of a package.
pub(crate) fn check(package: &Package) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &package.sources {
        check_text(source, &mut findings);
        check_comment_width(source, &mut findings);
        check_name(&source.path, &mut findings);
        if source.path.ends_with("lib.rs") && source.place == Place::Product(Vec::new()) {
            check_face(source, &mut findings);
        }
        let mut reader = Reader {
            path: &source.path,
            in_tests: source.place == Place::Aside,
            findings: &mut findings,
        };
        reader.visit_file(&source.syntax);
    }
    findings
}

fn check_text(source: &Source, findings: &mut Vec<Finding>) {
    if !source.text.starts_with("//!") {
        findings.push(Finding::at(
            &source.path,
            1,
            "the file does not open with `//!`",
        ));
    }
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX {
        let message = format!("the file has {lines} lines, at most {FILE_LINES_MAX} are allowed");
        findings.push(Finding::of(&source.path, message));
    }
    for (number, line) in source.text.lines().enumerate() {
        let Some((_, comment)) = line.split_once("//") else {
            continue;
        };
        let mut words = comment.split(|c: char| !c.is_ascii_alphanumeric());
        if let Some(word) = words.find(|word| BANNED_WORDS.contains(word)) {
            let message = format!("a comment says `{word}`");
            findings.push(Finding::at(&source.path, number + 1, message));
        }
    }
}

/// Comments wrap at one width; tables and what stands between fences cannot be wrapped.
fn check_comment_width(source: &Source, findings: &mut Vec<Finding>) {
    let mut fenced = false;
    for (number, line) in source.text.lines().enumerate() {
        let text = line.trim_start();
        if !text.starts_with("//") {
            fenced = false;
            continue;
        }
        let text = text.trim_start_matches(['/', '!']).trim_start();
        fenced ^= text.starts_with("```");
        let wide = line.chars().count() > COMMENT_COLUMNS_MAX;
        if wide && !fenced && !text.starts_with('|') && text.contains(' ') {
            let message = format!("a comment is wider than {COMMENT_COLUMNS_MAX} columns");
            findings.push(Finding::at(&source.path, number + 1, message));
        }
    }
}

fn check_name(path: &Path, findings: &mut Vec<Finding>) {
    for part in path
        .with_extension("")
        .iter()
        .filter_map(|part| part.to_str())
    {
        if BANNED_MODULES.contains(&part) {
            findings.push(Finding::of(
                path,
                format!("`{part}` says nothing about its content"),
            ));
        }
    }
}

/// `lib.rs` is a face: modules and re-exports.
fn check_face(source: &Source, findings: &mut Vec<Finding>) {
    for item in &source.syntax.items {
        let in_face = match item {
            Item::Use(_) | Item::Macro(_) => true,
            Item::Mod(module) => module.content.is_none() || is_for_tests(&module.attrs),
            _ => false,
        };
        if !in_face {
            let line = item.span().start().line;
            let message = "`lib.rs` holds more than modules and re-exports";
            findings.push(Finding::at(&source.path, line, message));
        }
    }
}

struct Reader<'a> {
    path: &'a Path,
    in_tests: bool,
    findings: &'a mut Vec<Finding>,
}

impl Reader<'_> {
    fn find(&mut self, line: usize, message: impl Into<String>) {
        self.findings.push(Finding::at(self.path, line, message));
    }

    fn check_function(&mut self, attributes: &[Attribute], signature: &Signature, block: &Block) {
        let (first, last) = (signature.span().start().line, block.span().end().line);
        let lines = last - first + 1;
        if lines > FUNCTION_LINES_MAX && !is_flat_by_its_own_word(attributes) {
            let name = &signature.ident;
            let message =
                format!("`{name}` has {lines} lines, at most {FUNCTION_LINES_MAX} are allowed");
            self.find(first, message);
        }
        let name = signature.ident.to_string();
        if is_for_tests(attributes) && name.starts_with("test_") {
            self.find(first, format!("the test `{name}` is not named as a claim"));
        }
    }

    /// Visits the inside of an item, which is for tests if its attributes say so.
    fn within(&mut self, attributes: &[Attribute], visit: impl FnOnce(&mut Self)) {
        let before = self.in_tests;
        self.in_tests |= is_for_tests(attributes);
        visit(self);
        self.in_tests = before;
    }
}

/// A flat table or a numbered list of steps may be longer, and says so with its reason.
fn is_flat_by_its_own_word(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("allow") || list.path.is_ident("expect") => {
            let tokens = list.tokens.to_string();
            tokens.contains("too_many_lines") && tokens.contains("reason")
        }
        _ => false,
    })
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.within(&module.attrs, |reader| {
            visit::visit_item_mod(reader, module);
        });
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.check_function(&function.attrs, &function.sig, &function.block);
        self.within(&function.attrs, |reader| {
            visit::visit_item_fn(reader, function);
        });
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.check_function(&function.attrs, &function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        self.within(&block.attrs, |reader| visit::visit_item_impl(reader, block));
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if call.method == "unwrap" && !self.in_tests {
            self.find(
                call.method.span().start().line,
                "`unwrap` gives no reason; `expect` one",
            );
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr(&mut self, expression: &'ast Expr) {
        if let Expr::Unsafe(block) = expression
            && !self.path.ends_with(UNSAFE_PLACE)
        {
            self.find(
                block.unsafe_token.span.start().line,
                "`unsafe` has no place here",
            );
        }
        visit::visit_expr(self, expression);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if let Some(name) = call.path.segments.last().map(|last| last.ident.to_string())
            && BANNED_MACROS.contains(&name.as_str())
        {
            self.find(
                call.path.span().start().line,
                format!("`{name}!` was left in"),
            );
        }
        visit::visit_macro(self, call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings_of(path: &str, text: &str) -> Vec<String> {
        let source = Source {
            path: path.into(),
            text: text.to_owned(),
            syntax: syn::parse_file(text).unwrap(),
            place: Place::Product(Vec::new()),
        };
        let package = Package {
            name: "x".to_owned(),
            folder: "x".into(),
            manifest: "x/Cargo.toml".into(),
            imports: Vec::new(),
            externals: Vec::new(),
            sources: vec![source],
        };
        check(&package).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn tidy_file_has_no_findings() {
        let text = "//! A file.\nfn f() -> u8 { g().expect(\"a reason\") }\n\
                    #[cfg(test)]\nmod tests {\n#[test]\nfn claim() { g().unwrap(); }\n}\n";
        assert!(findings_of("x/src/a.rs", text).is_empty());
    }

    #[test]
    fn each_rule_of_shape_is_seen() {
        let left_over = format!("//! x\n// {}: more\n", BANNED_WORDS[0]);
        let wide_comment = format!("//! x\n// {}\n", "a ".repeat(COMMENT_COLUMNS_MAX / 2));
        for (text, said) in [
            ("fn f() {}", "does not open with"),
            ("//! x\nfn f() { todo!() }", "`todo!` was left in"),
            (&wide_comment, "a comment is wider than 100 columns"),
            (
                "//! x\nfn f() { g().unwrap(); }",
                "`unwrap` gives no reason",
            ),
            ("//! x\nfn f() { unsafe { g() } }", "`unsafe` has no place"),
            (&left_over, "a comment says"),
            ("//! x\n#[test]\nfn test_it() {}", "not named as a claim"),
        ] {
            let found = findings_of("x/src/a.rs", text);
            assert!(
                found.len() == 1 && found[0].contains(said),
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn long_functions_and_files_are_seen_unless_they_say_why() {
        let body = "    g();\n".repeat(70);
        let long = format!("//! x\nfn f() {{\n{body}}}\n");
        assert!(findings_of("x/src/a.rs", &long)[0].contains("`f` has 72 lines"));
        let flat = format!(
            "//! x\n#[expect(clippy::too_many_lines, reason = \"a flat table\")]\nfn f() {{\n{body}}}\n"
        );
        assert!(findings_of("x/src/a.rs", &flat).is_empty());
        let file = format!("//! x\n{}", "\n".repeat(1000));
        assert!(findings_of("x/src/a.rs", &file)[0].contains("1001 lines"));
    }

    #[test]
    fn one_file_may_hold_unsafe_and_its_neighbours_may_not() {
        let text = "//! x\nfn f() { unsafe { g() } }";
        assert!(findings_of("/w/attester/src/linux/ioctl.rs", text).is_empty());
        assert_eq!(findings_of("/w/attester/src/linux/nsm.rs", text).len(), 1);
        assert_eq!(findings_of("/w/node/src/ioctl.rs", text).len(), 1);
    }

    #[test]
    fn face_and_names_are_seen() {
        assert!(findings_of("x/src/lib.rs", "//! x\nmod a;\npub use a::B;\n").is_empty());
        assert!(findings_of("x/src/lib.rs", "//! x\npub fn f() {}\n")[0].contains("re-exports"));
        assert!(findings_of("x/src/utils.rs", "//! x\n")[0].contains("says nothing"));
    }
}
