//! The commands that pages show: each exists, with its flags.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{all_lines, pages, root, spans};

/// The code spans of a page and the lines of its fenced blocks, where a line that ends in `\` goes on.
fn examples(page: &str) -> Vec<String> {
    let joined = page.replace("\\\n", " ");
    let fenced = all_lines(&joined).filter(|(_, fenced, _)| *fenced);
    spans(page)
        .chain(fenced.map(|(_, _, line)| line))
        .map(str::to_owned)
        .collect()
}

/// The examples of all pages, with the path of each page.
fn all_examples() -> Vec<(PathBuf, String)> {
    let of_page = |(path, page): (PathBuf, String)| {
        let examples = examples(&page).into_iter();
        examples.map(move |line| (path.clone(), line))
    };
    pages().into_iter().flat_map(of_page).collect()
}

/// What follows `program` in each simple command of a line, up to a comment: its words.
fn uses<'l>(line: &'l str, program: &str) -> Vec<Vec<&'l str>> {
    let line = line.split(" #").next().unwrap_or_default();
    let commands = line.split(['|', ';', '&', '(', ')']);
    let words = commands.map(|command| command.split_whitespace().collect::<Vec<_>>());
    words
        .filter_map(|words| {
            let is_before = |word: &&&str| {
                matches!(**word, "$" | "sudo" | "exec")
                    || word.contains('=') && !word.starts_with('-')
            };
            let skipped = words.iter().take_while(is_before).count();
            (*words.get(skipped)? == program).then(|| words[skipped + 1..].to_vec())
        })
        .collect()
}

/// The flags among words.
fn flags<'l>(words: &[&'l str]) -> Vec<&'l str> {
    let end = |word: &'l str| {
        let length = word.find(|letter: char| !letter.is_ascii_lowercase() && letter != '-');
        &word[..length.unwrap_or(word.len())]
    };
    let words = words.iter().map(|word| word.trim_start_matches('['));
    words
        .filter(|word| word.len() > 2 && word.starts_with("--"))
        .map(end)
        .collect()
}

/// What a command's help names: its commands and its flags.
struct Help {
    commands: HashSet<String>,
    flags: HashSet<String>,
}

impl Help {
    fn of(path: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cognate"));
        let output = command.args(path).arg("--help").env_clear().output();
        let text = String::from_utf8(output.expect("a binary that starts").stdout).expect("UTF-8");
        let (mut commands, mut named) = (HashSet::new(), HashSet::new());
        let mut is_list = false;
        for line in text.lines() {
            match line.strip_prefix("  ") {
                None => is_list = line == "Commands:",
                Some(entry) if is_list && !entry.starts_with(' ') => {
                    commands.extend(entry.split_whitespace().next().map(str::to_owned));
                }
                Some(entry) => {
                    let entry = entry.trim_start();
                    if entry.starts_with('-') {
                        let words: Vec<_> = entry.split([' ', ',']).collect();
                        named.extend(flags(&words).into_iter().map(str::to_owned));
                    }
                }
            }
        }
        Self {
            commands,
            flags: named,
        }
    }
}

#[test]
fn every_command_of_cognate_exists_with_its_flags() {
    let mut helps: HashMap<Vec<&str>, Help> = HashMap::new();
    let mut missing = Vec::new();
    let examples = all_examples();
    for (path, line) in &examples {
        for words in uses(line, "cognate") {
            let mut names = Vec::new();
            let rest = loop {
                let help = helps
                    .entry(names.clone())
                    .or_insert_with(|| Help::of(&names));
                match words.get(names.len()) {
                    Some(word) if help.commands.contains(*word) => names.push(word),
                    _ => break &words[names.len()..],
                }
            };
            let help = &helps[&names];
            let unknown = flags(rest)
                .into_iter()
                .find(|flag| !help.flags.contains(*flag));
            let is_letter = |letter: char| letter.is_ascii_lowercase() || letter == '-';
            let is_name = |word: &&str| !word.starts_with('-') && word.chars().all(is_letter);
            let is_missing = !help.commands.is_empty() && rest.first().is_some_and(is_name);
            if unknown.is_some() || is_missing {
                missing.push(format!("{}: {line}", path.display()));
            }
        }
    }
    assert!(helps.len() > 20, "too few commands were found");
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_step_of_the_tests_and_every_flag_of_the_benchmark_exists() {
    let read = |path: &str| fs::read_to_string(root().join(path)).expect("a script");
    let (tests, bench) = (read("scripts/test"), read("bench/measure.py"));
    let steps = tests
        .lines()
        .find_map(|line| line.strip_prefix("steps=\""))
        .expect("the steps");
    let steps: HashSet<_> = steps.trim_end_matches('"').split(' ').collect();
    let (mut missing, mut count) = (Vec::new(), 0);
    for (path, line) in all_examples() {
        let mut check = |exists: bool| {
            count += 1;
            if !exists {
                missing.push(format!("{}: {line}", path.display()));
            }
        };
        for words in uses(&line, "scripts/test") {
            let some = words.iter().skip_while(|word| **word != "--only").nth(1);
            for step in some.into_iter().flat_map(|some| some.split(',')) {
                check(steps.contains(step));
            }
            for flag in flags(&words) {
                check(tests.contains(&format!("{flag})")));
            }
        }
        for words in uses(&line, "bench/run") {
            for flag in flags(&words) {
                check(flag == "--help" || bench.contains(&format!("\"{flag}\"")));
            }
        }
    }
    assert!(count > 10, "too few were found");
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_checks_of_commands_find_what_they_look_for() {
    let page = "Run `a --b`.\n\n```\nX=1 a b \\\n  --c-d=e | a [--f] # a g\n```\n";
    let examples = examples(page);
    assert_eq!(uses(&examples[0], "a"), [["--b"]]);
    let found = uses(&examples[1], "a");
    assert_eq!(found.len(), 2);
    assert_eq!(flags(&found[0]), ["--c-d"]);
    assert_eq!(flags(&found[1]), ["--f"]);
}
