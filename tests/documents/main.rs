//! The pages that people read: no word that is hard to understand, no link or path that leads nowhere, and no test or command
//! that a page names without it being there.

mod commands;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Words and phrases with a meaning that readers who learned English later don't find in a dictionary, in lower case. They
/// are whole words; a final `*` matches the rest of a word.
const BANNED: &[&str] = &[
    "anew",
    "everybody*",
    "front door",
    "in the place of",
    "nobody*",
    "rubbish",
    "said",
    "somebody*",
    "tells",
    "the house",
    "the one who",
    "told",
    "verdict*",
    "vouch*",
    "what is meant",
    "whichever",
    "whoever",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page, by its path in the repository.
fn pages() -> BTreeMap<PathBuf, String> {
    let mut paths: Vec<PathBuf> = [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "bench/README.md",
        "tests/clients/README.md",
    ]
    .map(PathBuf::from)
    .to_vec();
    for folder in ["docs", "docs/decisions"] {
        let entries = fs::read_dir(root().join(folder)).expect("a folder of pages");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let markdown = names.filter(|name| Path::new(name).extension().is_some_and(|e| e == "md"));
        paths.extend(markdown.map(|name| Path::new(folder).join(name)));
    }
    let page = |path: PathBuf| {
        let text = fs::read_to_string(root().join(&path)).expect("a page");
        (path, text)
    };
    paths.into_iter().map(page).collect()
}

/// The lines of a page, with their numbers and whether each is in a fenced block.
fn all_lines(page: &str) -> impl Iterator<Item = (usize, bool, &str)> {
    let mut fenced = false;
    page.lines().enumerate().filter_map(move |(at, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fence).then_some((at + 1, fenced, line))
    })
}

/// The lines of a page outside fenced blocks, with their numbers.
fn lines(page: &str) -> impl Iterator<Item = (usize, &str)> {
    all_lines(page)
        .filter(|(_, fenced, _)| !fenced)
        .map(|(at, _, line)| (at, line))
}

/// The text of a page outside blocks, with its code spans removed: they quote programs and the real service.
fn prose(page: &str) -> String {
    let text: Vec<&str> = lines(page).map(|(_, line)| line).collect();
    let parts = text.join("\n");
    let parts = parts.split('`').enumerate();
    parts
        .filter(|(at, _)| at % 2 == 0)
        .map(|(_, part)| part)
        .collect::<Vec<_>>()
        .join("`")
}

/// The code spans of a page that are on one line.
fn spans(page: &str) -> impl Iterator<Item = &str> {
    lines(page).flat_map(|(_, line)| {
        line.split('`')
            .enumerate()
            .filter(|(at, _)| at % 2 == 1)
            .map(|(_, span)| span)
    })
}

/// Words in lower case, with one space between them and around them.
fn words(text: &str) -> String {
    let text = text.to_lowercase();
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '`'));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    format!(" {} ", words.join(" "))
}

fn is_banned(words: &str, phrase: &str) -> bool {
    match phrase.strip_suffix('*') {
        Some(beginning) => words.contains(&format!(" {beginning}")),
        None => words.contains(&format!(" {phrase} ")),
    }
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &str) -> HashSet<String> {
    let headings = lines(page).filter_map(|(_, line)| {
        let text = line.trim_start_matches('#');
        (text.len() < line.len()).then(|| text.trim())
    });
    let mut seen = HashSet::new();
    for heading in headings {
        let kept = heading
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
            .collect::<String>();
        let anchor = kept.replace(' ', "-");
        let free = (0..).map(|n| {
            if n == 0 {
                anchor.clone()
            } else {
                format!("{anchor}-{n}")
            }
        });
        let mut free = free.filter(|anchor| !seen.contains(anchor));
        let anchor = free.next().expect("numbers without end");
        seen.insert(anchor);
    }
    seen
}

/// The targets of the links of a page: `[text](target)`.
fn targets(page: &str) -> Vec<String> {
    let text = prose(page).replace('\n', " ");
    let after = text.split("](").skip(1);
    let target = |rest: &str| rest.split_once(')').map(|(target, _)| target.to_owned());
    after.filter_map(target).collect()
}

#[test]
fn no_page_has_a_word_that_is_hard_to_understand() {
    let mut found = Vec::new();
    for (path, page) in pages() {
        let words = words(&prose(&page));
        let banned = BANNED.iter().filter(|phrase| is_banned(&words, phrase));
        found.extend(banned.map(|phrase| format!("{}: {phrase}", path.display())));
    }
    assert!(found.is_empty(), "write it in other words:\n{found:#?}");
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let pages = pages();
    let mut broken = Vec::new();
    for (path, page) in &pages {
        for target in targets(page) {
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let folder = path.parent().expect("a page is in a folder");
            let file = if file.is_empty() {
                path.clone()
            } else {
                normal(&folder.join(file))
            };
            let heading = |page: &String| anchors(page).contains(anchor);
            let good = root().join(&file).exists()
                && (anchor.is_empty() || pages.get(&file).is_some_and(heading));
            if !good {
                broken.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// A relative path without `..` and `.`.
fn normal(path: &Path) -> PathBuf {
    let mut parts = Vec::new();
    for part in path {
        match part.to_str() {
            Some("..") => drop(parts.pop()),
            Some(".") => {}
            _ => parts.push(part),
        }
    }
    parts.iter().collect()
}

#[test]
fn every_path_in_a_page_exists() {
    let mut missing = Vec::new();
    for (path, page) in pages() {
        for span in spans(&page) {
            let span = span.split(": ").next().expect("a beginning");
            let begins = |folder: &&str| span.starts_with(*folder);
            let folders = [
                "src/",
                "tests/",
                "fuzz/targets",
                "fuzz/seeds",
                "scripts/",
                "bench/",
            ];
            let is_rust = Path::new(span)
                .extension()
                .is_some_and(|extension| extension == "rs");
            let module = is_rust && span.contains('/');
            let is_path = folders.iter().any(begins) || module;
            // A path with a word in capitals is an example.
            let is_example = span.split('/').any(|part| {
                let name = part.split('.').next().expect("a beginning");
                name.len() > 1 && name.chars().all(|c| c.is_ascii_uppercase())
            });
            let file = span.split(' ').next().expect("a beginning");
            let exists =
                root().join(file).exists() || module && root().join("src").join(file).exists();
            if is_path && !is_example && !exists {
                missing.push(format!("{}: {file}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Every source file below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_test_that_the_security_page_names_exists() {
    let page = fs::read_to_string(root().join("docs/security.md")).expect("the page");
    let folder = root().join("tests/it");
    let mut files = Vec::new();
    sources(&folder, &mut files);
    let mut missing = Vec::new();
    let named = spans(&page).filter(|span| {
        let path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == ':';
        span.contains("::") && span.chars().all(path)
    });
    for name in named {
        let parts: Vec<&str> = name.split("::").collect();
        let module = |parts: &[&str]| {
            let path = folder.join(parts.iter().collect::<PathBuf>());
            path.is_dir() || path.with_extension("rs").exists()
        };
        let (test, modules) = parts.split_last().expect("a name");
        let beginning = folder.join(modules.iter().collect::<PathBuf>());
        let declared = format!("fn {test}(");
        let in_module = files.iter().filter(|file| {
            file.starts_with(&beginning) || **file == beginning.with_extension("rs")
        });
        let mut texts = in_module.map(|file| fs::read_to_string(file).expect("a source"));
        if !module(&parts) && !texts.any(|text| text.contains(&declared)) {
            missing.push(name);
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_first_command_runs_the_server() {
    let first = "cargo run --release -- dev";
    let readme = fs::read_to_string(root().join("README.md")).expect("a page");
    assert!(readme.contains(first));
    // Several programs are built from this package, and without this, cargo runs none of them.
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("a manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let run = manifest["package"].get("default-run");
    assert_eq!(run.and_then(toml::Value::as_str), Some("cognate"));
}

#[test]
fn the_checks_of_this_file_find_what_they_look_for() {
    let page = "# A `b`, c\n\nAsk whoever\nvouches. See [x](y.md#z\n) and `whoever`.\n\n```\n[no](n)\n```\n## A b c\n";
    let words = words(&prose(page));
    assert!(is_banned(&words, "whoever") && is_banned(&words, "vouch*"));
    assert!(!is_banned(&words, "vouch") && !is_banned(&words, "ask b"));
    assert_eq!(words.matches("whoever").count(), 1);
    assert_eq!(targets(page), ["y.md#z "]);
    assert_eq!(
        anchors(page),
        HashSet::from(["a-b-c", "a-b-c-1"].map(String::from))
    );
    assert_eq!(
        normal(Path::new("docs/decisions/../../a.md")),
        Path::new("a.md")
    );
    assert_eq!(
        spans("a `b c` d `e`\n```\n`f`\n```").collect::<Vec<_>>(),
        ["b c", "e"]
    );
}
