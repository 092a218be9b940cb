//! Every command line that we show is one that the program takes: in `--help`, in README and in
//! docs.

use std::path::Path;

use crate::tests::options::judge;
use crate::tests::{leaves, repository};

/// Stands for a digest, a nonce or a fingerprint of which a page shows the beginning.
const DIGEST: &str = "abababababababababababababababababababababababababababababababab";

/// Stands for what a shell would put in the place of another command: on our pages, an address.
const SUBSTITUTED: &str = "https://127.0.0.1:8001";

/// A command line that somebody is shown.
#[derive(Debug)]
struct Shown {
    place: String,
    words: Vec<String>,
}

/// The words of one line, as a shell takes them: none, if a quotation goes on in the next line.
fn words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some('"') | None, '$') if chars.peek() == Some(&'(') => {
                skip_substitution(&mut chars)?;
                word.get_or_insert_default().push_str(SUBSTITUTED);
            }
            (Some(open), c) if c == open => quote = None,
            (Some('"') | None, '\\') => {
                word.get_or_insert_default().extend(chars.next());
            }
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, '#') if word.is_none() => break,
            (None, '|' | '>' | ';' | '&') => {
                words.extend(word.take());
                words.push(c.to_string());
            }
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// Goes past `$(…)`: none, if it does not end in this line.
fn skip_substitution(chars: &mut impl Iterator<Item = char>) -> Option<()> {
    let (mut depth, mut quoted) = (0, false);
    loop {
        match chars.next()? {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => continue,
        }
        if depth == 0 && !quoted {
            return Some(());
        }
    }
}

/// The command lines of `synod` in some lines of a shell.
fn shown_in(lines: &str, place: &str) -> Vec<Shown> {
    let (mut shown, mut held) = (Vec::new(), String::new());
    for line in lines.lines() {
        held.push_str(line);
        if let Some(begun) = held.strip_suffix('\\') {
            held = begun.to_owned();
            continue;
        }
        let Some(words) = words(&held) else {
            held.push('\n');
            continue;
        };
        held.clear();
        shown.extend(
            words
                .split(|word| matches!(&**word, "|" | "&" | ";"))
                .filter_map(after_synod)
                .map(|words| Shown {
                    place: place.to_owned(),
                    words,
                }),
        );
    }
    assert!(held.is_empty(), "{place}: a quotation does not end: {held}");
    shown
}

/// What follows `synod`, without what a shell takes for itself.
fn after_synod(command: &[String]) -> Option<Vec<String>> {
    let run: Vec<&str> = command.iter().map(String::as_str).collect();
    let (["time", "synod", rest @ ..]
    | ["synod", rest @ ..]
    | ["cargo", "run", "--release", "--", rest @ ..]) = &run[..]
    else {
        return None;
    };
    let until = rest
        .iter()
        .position(|word| *word == ">")
        .unwrap_or(rest.len());
    let rest = &rest[..until];
    Some(
        rest.iter()
            .enumerate()
            .map(|(at, word)| filled(at.checked_sub(1).map_or("", |before| rest[before]), word))
            .collect(),
    )
}

/// A word, with what a page leaves out.
fn filled(before: &str, word: &str) -> String {
    match (before, word.contains('…')) {
        ("--report-data", true) => DIGEST.repeat(2),
        (_, true) => DIGEST.to_owned(),
        _ => word.to_owned(),
    }
}

/// The examples in the help of every command.
fn in_help() -> Vec<Shown> {
    let mut root = <crate::Cli as clap::CommandFactory>::command();
    root.build();
    let mut all = leaves();
    all.push((String::new(), root));
    let mut shown = Vec::new();
    for (name, command) in all {
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let examples = help
            .lines()
            .map(str::trim_start)
            .skip_while(|line| !line.starts_with("Example") && !line.starts_with("Begin with"))
            .skip(1)
            .take_while(|line| !line.is_empty());
        let examples: Vec<&str> = examples.collect();
        shown.extend(shown_in(
            &examples.join("\n"),
            &format!("help of `synod {name}`"),
        ));
    }
    shown
}

/// The pages whose commands are looked at.
fn pages() -> Vec<(String, String)> {
    let root = repository();
    let mut paths = vec![
        root.join("README.md"),
        root.join("CONTRIBUTING.md"),
        root.join("SECURITY.md"),
    ];
    for folder in ["docs", "guest/rust", "guest/js", "guest/python"] {
        paths.extend(pages_in(&root.join(folder)));
    }
    for app in std::fs::read_dir(root.join("apps")).unwrap() {
        paths.extend(pages_in(&app.unwrap().path()));
    }
    paths.sort();
    let named = |path: std::path::PathBuf| {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        (name, std::fs::read_to_string(path).unwrap())
    };
    paths.into_iter().map(named).collect()
}

fn pages_in(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect()
}

/// The fenced blocks of shell commands, and the rest of the page.
fn blocks(page: &str) -> (Vec<String>, String) {
    let (mut blocks, mut rest, mut open) = (Vec::new(), String::new(), None::<(bool, String)>);
    for line in page.lines() {
        match &mut open {
            Some((shell, text)) if line.trim() == "```" => {
                if *shell {
                    blocks.push(std::mem::take(text));
                }
                open = None;
            }
            Some((_, text)) => {
                text.push_str(line.trim_start());
                text.push('\n');
            }
            None => {
                if let Some(info) = line.trim().strip_prefix("```") {
                    open = Some((info.starts_with("sh"), String::new()));
                } else {
                    rest.push_str(line);
                    rest.push('\n');
                }
            }
        }
    }
    (blocks, rest)
}

#[test]
fn every_command_line_of_help_is_taken() {
    let shown = in_help();
    assert!(shown.len() > 80, "only {} examples were found", shown.len());
    assert_taken(&shown);
}

#[test]
fn every_command_line_of_readme_and_docs_is_taken() {
    let mut shown = Vec::new();
    for (name, page) in pages() {
        for block in blocks(&page).0 {
            shown.extend(shown_in(&block, &name));
        }
    }
    assert!(shown.len() > 40, "only {} commands were found", shown.len());
    assert_taken(&shown);
}

fn assert_taken(shown: &[Shown]) {
    let refused: Vec<String> = shown
        .iter()
        .filter_map(|one| {
            let words: Vec<&str> = one.words.iter().map(String::as_str).collect();
            let refusal = judge(&words).err()?;
            // Help and version are answers of the parser too.
            let is_answer = words
                .iter()
                .any(|word| matches!(*word, "--help" | "--version"));
            (!is_answer).then(|| format!("{}: synod {}\n{refusal}", one.place, words.join(" ")))
        })
        .collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// In running text a command is often named without all that it needs: it must be there, and have
/// the options.
#[test]
fn every_command_that_a_page_speaks_of_is_there_and_has_the_options() {
    let mut root = <crate::Cli as clap::CommandFactory>::command();
    root.build();
    for (name, page) in pages() {
        let text = blocks(&page).1.replace('\n', " ");
        for code in text.split('`').skip(1).step_by(2) {
            let code = code.replace("\\|", "|");
            let Some(line) = code.strip_prefix("synod ") else {
                continue;
            };
            let words = words(line).unwrap_or_else(|| panic!("{name}: `{code}`"));
            let (mut command, mut at) = (&root, 0);
            while let Some(below) = words.get(at).and_then(|word| command.find_subcommand(word)) {
                (command, at) = (below, at + 1);
            }
            assert!(at > 0, "{name}: there is no command `{code}`");
            let is_name = words.get(at).is_some_and(|word| !word.starts_with('-'));
            let subcommand_missing = command.has_subcommands() && is_name;
            assert!(!subcommand_missing, "{name}: there is no command `{code}`");
            for option in words.iter().filter_map(|word| word.strip_prefix("--")) {
                let known = option == "help"
                    || command
                        .get_arguments()
                        .any(|arg| arg.get_long() == Some(option));
                assert!(known, "{name}: `{code}` has no option `--{option}`");
            }
        }
    }
}

#[test]
fn words_are_parted_as_a_shell_parts_them() {
    let parted = |line| words(line).map(|words| words.join("|"));
    assert_eq!(
        parted("a 'b c' \"d e\"  f\\ g # h's"),
        Some("a|b c|d e|f g".to_owned())
    );
    assert_eq!(parted("a 'b"), None);
    assert_eq!(parted("a >> b"), Some("a|>|>|b".to_owned()));
}
