//! A path below `/app/NAME` is read or refused; what is read has no segment that could be read in another way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_governance::app::{AppPath, PathPattern};

fuzz_target!(|text: &str| {
    let (path, pattern) = text.split_once('\n').unwrap_or((text, "/{rest...}"));
    let pattern = PathPattern::parse(pattern);
    let Ok(path) = AppPath::parse(path) else {
        return;
    };
    for segment in path.segments() {
        assert!(!segment.is_empty() && segment != "." && segment != "..");
        assert!(!segment.contains(['/', '\\']));
        assert!(!segment.chars().any(char::is_control));
    }
    if let Ok(pattern) = pattern {
        let found = pattern.matches(&path);
        let names = pattern.params().count();
        assert!(found.is_none_or(|params| params.len() == names));
    }
});
