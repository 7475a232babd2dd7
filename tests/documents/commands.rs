//! The commands that pages show: each exists, with its flags.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::process::Command;

use super::{pages, root, spans};

/// The lines of the fenced blocks of a page, where a line that ends in `\` goes on, and its code spans.
fn lines(page: &str) -> Vec<String> {
    let joined = page.replace("\\\n", " ");
    let mut fenced = false;
    let mut found: Vec<_> = spans(page).map(str::to_owned).collect();
    for line in joined.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            found.push(line.to_owned());
        }
    }
    found
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
    let lines: Vec<_> = pages()
        .into_iter()
        .flat_map(|(path, page)| {
            lines(&page)
                .into_iter()
                .map(move |line| (path.clone(), line))
        })
        .collect();
    for (path, line) in &lines {
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
            let is_name = |word: &&str| word.chars().all(|letter| letter.is_ascii_lowercase());
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
    for (path, page) in pages() {
        for line in lines(&page) {
            for words in uses(&line, "scripts/test") {
                let named = words.iter().skip_while(|word| **word != "--only").nth(1);
                let named = named.into_iter().flat_map(|names| names.split(','));
                let has_steps = named
                    .inspect(|_| count += 1)
                    .all(|name| steps.contains(name));
                let has_flags = flags(&words)
                    .iter()
                    .all(|flag| tests.contains(&format!("{flag})")));
                if !has_steps || !has_flags {
                    missing.push(format!("{}: {line}", path.display()));
                }
            }
            for words in uses(&line, "bench/run") {
                let mut flags = flags(&words).into_iter().inspect(|_| count += 1);
                if !flags.all(|flag| flag == "--help" || bench.contains(&format!("\"{flag}\""))) {
                    missing.push(format!("{}: {line}", path.display()));
                }
            }
        }
    }
    assert!(count > 10, "too few were found");
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_checks_of_commands_find_what_they_look_for() {
    let page = "Run `a --b`.\n\n```\nX=1 a b \\\n  --c-d=e | a [--f] # a g\n```\n";
    let lines = lines(page);
    assert_eq!(uses(&lines[0], "a"), [["--b"]]);
    let found = uses(&lines[1], "a");
    assert_eq!(found.len(), 2);
    assert_eq!(flags(&found[0]), ["--c-d"]);
    assert_eq!(flags(&found[1]), ["--f"]);
}
