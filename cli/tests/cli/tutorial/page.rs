//! The page, taken apart: its commands in order, each for one language or for all, and what each
//! must print.

/// The languages of the page, by the headings under which their commands stand.
pub(crate) const LANGUAGES: [(&str, &str); 3] =
    [("rust", "Rust"), ("js", "JavaScript"), ("python", "Python")];

/// A fenced block of commands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The language whose heading it stands under; none: for all.
    pub(crate) language: Option<&'static str>,
    /// Where its commands begin, from 1.
    pub(crate) line: usize,
    /// The commands.
    pub(crate) commands: String,
    /// Whether it stands in a terminal of its own and stays there (`sh terminal`).
    pub(crate) stays: bool,
    /// Lines that its output must have, in their order; `…` stands for anything.
    pub(crate) prints: Vec<String>,
}

/// A fenced block of any kind.
struct Fence<'a> {
    info: &'a str,
    line: usize,
    text: String,
}

/// The blocks of commands on the page. A block `text` right after one is what that one prints.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut language = None;
    let mut open: Option<Fence<'_>> = None;
    for (index, line) in page.lines().enumerate() {
        if let Some(fence) = &mut open {
            if line.trim() == "```" {
                close(open.take().expect("it is open"), language, &mut blocks);
            } else {
                fence.text.push_str(line);
                fence.text.push('\n');
            }
        } else if let Some(info) = line.strip_prefix("```") {
            open = Some(Fence {
                info,
                line: index + 2,
                text: String::new(),
            });
        } else if line.starts_with('#') {
            language = language_of(line);
        }
    }
    assert!(open.is_none(), "a block of the page is not closed");
    blocks
}

fn close(fence: Fence<'_>, language: Option<&'static str>, blocks: &mut Vec<Block>) {
    match fence.info {
        "sh" | "sh terminal" => blocks.push(Block {
            language,
            line: fence.line,
            commands: fence.text,
            stays: fence.info == "sh terminal",
            prints: Vec::new(),
        }),
        "text" => {
            let block = blocks.last_mut().expect("output follows commands");
            block.prints.extend(fence.text.lines().map(str::to_owned));
        }
        _ => {}
    }
}

fn language_of(heading: &str) -> Option<&'static str> {
    let title = heading.trim_start_matches('#').trim();
    let found = LANGUAGES.into_iter().find(|(_, name)| title == *name);
    found.map(|(language, _)| language)
}

/// The first line that the output lacks, after those before it.
pub(crate) fn missing_line<'a>(prints: &'a [String], output: &str) -> Option<&'a str> {
    let mut rest = output.lines();
    prints
        .iter()
        .map(String::as_str)
        .find(|wanted| !rest.any(|line| fits(wanted.trim(), line.trim())))
}

/// Whether a line is the one that is wanted, where `…` stands for anything.
fn fits(wanted: &str, line: &str) -> bool {
    let mut parts = wanted.split('…');
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let mut open_end = false;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        open_end = part.is_empty();
        rest = after;
    }
    open_end || rest.is_empty()
}

#[test]
fn page_is_taken_apart() {
    let page = "# T\n```sh\ncommon\n```\n### Rust\n```sh\nrust 1\nrust 2\n```\n```text\na … z\n```\n\
                ## On\n```sh terminal\nup\n```\n```toml\nx = 1\n```\n";
    let [common, rust, up] = &blocks(page)[..] else {
        panic!("three blocks")
    };
    assert_eq!((common.language, &common.commands[..]), (None, "common\n"));
    assert_eq!(
        (rust.language, &rust.commands[..]),
        (Some("rust"), "rust 1\nrust 2\n")
    );
    assert_eq!(
        (rust.line, &rust.prints[..]),
        (7, &["a … z".to_owned()][..])
    );
    assert!(up.stays && up.language.is_none());
}

#[test]
fn output_is_compared_line_by_line_and_in_order() {
    let prints = ["a … z".to_owned(), "end …".to_owned()];
    assert_eq!(missing_line(&prints, "x\n  a b z\n--\nend of it"), None);
    assert_eq!(missing_line(&prints, "end of it\na b z\n"), Some("end …"));
    assert_eq!(missing_line(&prints, "a b\nend x"), Some("a … z"));
}
