//! One name for one thing, in the words of the field. Reads every source: types with `syn`, comments as text. Code that
//! only tests use is free of these rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// Where a banned word may not stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// The word stands in no name of a file or type and in no comment.
    Everywhere,
    /// The word is English too, so it stands in no name of a file or type, and comments may have it.
    Names,
    /// The word is half of many good names, so no file or type has it as its whole name.
    WholeNames,
    /// The phrase stands in no comment.
    Comments,
}

/// Each banned word or phrase, in lower case, where it may not stand, and the reason or what to write instead. Words of
/// comments between backticks are code (`watch::channel`) and aren't read.
const BANNED: &[(&str, Scope, &str)] = &[
    ("told", Scope::Everywhere, "a report: name what is reported"),
    (
        "tell",
        Scope::Comments,
        "report, print, answer, distinguish",
    ),
    (
        "tells",
        Scope::Comments,
        "reports, prints, answers, distinguishes",
    ),
    ("said", Scope::Everywhere, "reported, stated, set"),
    ("across", Scope::Everywhere, "a cross-check, or between"),
    ("room", Scope::Everywhere, "a limit, a capacity, waiters"),
    ("watch", Scope::Everywhere, "a report, or a dry run"),
    ("verdict", Scope::Everywhere, "a result, a decision"),
    ("verdicts", Scope::Everywhere, "results, decisions"),
    (
        "vouch",
        Scope::Everywhere,
        "introspection: the provider answers for an access token",
    ),
    ("vouches", Scope::Everywhere, "introspection"),
    ("vouched", Scope::Everywhere, "introspection"),
    ("vouching", Scope::Everywhere, "introspection"),
    (
        "place",
        Scope::Everywhere,
        "a path, a position, a line; 'instead of'",
    ),
    ("places", Scope::Everywhere, "paths, positions, lines"),
    (
        "whose",
        Scope::Everywhere,
        "an owner, an identity, a subject; 'of which'",
    ),
    (
        "given",
        Scope::Everywhere,
        "configured, passed, an input, a parameter",
    ),
    ("rubbish", Scope::Everywhere, "invalid input"),
    (
        "remote",
        Scope::Names,
        "access tokens, introspection: name what is far away",
    ),
    ("asking", Scope::Names, "a request, a fetch"),
    ("what", Scope::Names, "name the kind of thing"),
    ("who", Scope::Names, "a caller, a signer, a subject"),
    ("of", Scope::WholeNames, "name the kind of thing"),
    ("at", Scope::WholeNames, "a path, a position, a time"),
    ("through", Scope::WholeNames, "name the kind of thing"),
    ("the house", Scope::Comments, "the program, or this crate"),
    (
        "whoever",
        Scope::Comments,
        "the client, the operator, the caller",
    ),
    ("somebody", Scope::Comments, "a client, a user, a caller"),
    ("everybody", Scope::Comments, "every client, every user"),
    (
        "nobody",
        Scope::Comments,
        "no client, no user; name the thing that is absent",
    ),
    ("the one who", Scope::Comments, "the client, the operator"),
    ("what is meant", Scope::Comments, "state it"),
    ("in the place of", Scope::Comments, "instead of, replaces"),
];

/// The fewest words of the first sentence about a variant: "Yes." and "It does." say nothing in a tool-tip.
const FEWEST_WORDS: usize = 3;

/// A source without its test code.
struct Source {
    /// The path below `src`, with slashes.
    path: String,
    syntax: syn::File,
    lines: Vec<Line>,
}

/// A line of a source.
#[derive(Default)]
struct Line {
    code: String,
    comment: String,
    /// Whether the line belongs to an item that only tests have.
    test: bool,
}

/// Divides a text into lines of code and comments. Strings are no part of either.
fn lines(text: &str) -> Vec<Line> {
    let mut lines = vec![Line::default()];
    let characters: Vec<char> = text.chars().collect();
    let starts = |at: usize, what: &str| {
        let mut here = characters[at..].iter();
        what.chars()
            .all(|character| here.next() == Some(&character))
    };
    let mut at = 0;
    while at < characters.len() {
        let begin = at;
        let line = lines.len() - 1;
        if starts(at, "//") {
            while at < characters.len() && characters[at] != '\n' {
                at += 1;
            }
            lines[line].comment.extend(&characters[begin..at]);
        } else if starts(at, "/*") {
            while at < characters.len() && !starts(at, "*/") {
                at += 1;
                if characters.get(at) == Some(&'\n') {
                    lines.push(Line::default());
                } else if let (Some(line), Some(character)) = (lines.last_mut(), characters.get(at))
                {
                    line.comment.push(*character);
                }
            }
            at += 2;
        } else if let Some(hashes) = raw_string(&characters[at..]) {
            let end = format!("\"{}", "#".repeat(hashes));
            while characters[at] != '"' {
                at += 1;
            }
            at += 1;
            while at < characters.len() && !starts(at, &end) {
                if characters[at] == '\n' {
                    lines.push(Line::default());
                }
                at += 1;
            }
            at += end.len();
        } else if characters[at] == '"' {
            at += 1;
            while at < characters.len() && characters[at] != '"' {
                if characters[at] == '\n' {
                    lines.push(Line::default());
                }
                if characters[at] == '\\' {
                    at += 1;
                    if characters.get(at) == Some(&'\n') {
                        lines.push(Line::default());
                    }
                }
                at += 1;
            }
            at += 1;
        } else if starts(at, "'\\") {
            at += 3;
            while at < characters.len() && characters[at] != '\'' {
                at += 1;
            }
            at += 1;
        } else if characters[at] == '\'' && characters.get(at + 2) == Some(&'\'') {
            at += 3;
        } else {
            if characters[at] == '\n' {
                lines.push(Line::default());
            } else {
                lines[line].code.push(characters[at]);
            }
            at += 1;
        }
    }
    mark_tests(&mut lines);
    lines
}

/// How many hashes a raw string that begins here has.
fn raw_string(characters: &[char]) -> Option<usize> {
    let mut rest = characters.iter();
    let first = rest.next()?;
    if *first == 'b' || *first == 'c' {
        (rest.next() == Some(&'r')).then_some(())?;
    } else if *first != 'r' {
        return None;
    }
    let hashes = rest
        .clone()
        .take_while(|character| **character == '#')
        .count();
    (rest.nth(hashes) == Some(&'"')).then_some(hashes)
}

/// Marks the lines of items with `#[cfg(test)]`: to the brace that closes the item, or its semicolon.
fn mark_tests(lines: &mut [Line]) {
    let mut at = 0;
    while at < lines.len() {
        if !lines[at].code.trim_start().starts_with("#[cfg(test)]") {
            at += 1;
            continue;
        }
        let mut depth = 0_i32;
        let mut code = lines[at].code.replacen("#[cfg(test)]", "", 1);
        loop {
            lines[at].test = true;
            let mut ended = false;
            for character in code.chars() {
                match character {
                    '{' | '(' | '[' => depth += 1,
                    '}' | ')' | ']' => {
                        depth -= 1;
                        ended |= depth == 0 && character == '}';
                    }
                    ';' => ended |= depth == 0,
                    _ => {}
                }
            }
            at += 1;
            if ended || at == lines.len() {
                break;
            }
            code.clone_from(&lines[at].code);
        }
    }
}

/// Every type that a source defines outside its tests, and every variant's documentation.
#[derive(Default)]
struct Definitions {
    types: Vec<String>,
    /// A variant with the first sentence of its documentation.
    variants: Vec<(String, String)>,
}

fn only_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && matches!(&attribute.meta, syn::Meta::List(list) if list.tokens.to_string() == "test")
    })
}

/// The text of an item's documentation, up to its first full stop before a blank.
fn first_sentence(attributes: &[syn::Attribute]) -> String {
    let lines = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            syn::Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                syn::Expr::Lit(syn::ExprLit {
                    lit: syn::Lit::Str(text),
                    ..
                }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        });
    let text = lines.collect::<Vec<_>>().join(" ");
    let text = text.trim();
    match text.split_once(". ") {
        Some((first, _)) => first.to_owned(),
        None => text.to_owned(),
    }
}

impl<'ast> Visit<'ast> for Definitions {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let (attributes, name) = match item {
            syn::Item::Struct(item) => (&item.attrs, Some(&item.ident)),
            syn::Item::Enum(item) => (&item.attrs, Some(&item.ident)),
            syn::Item::Trait(item) => (&item.attrs, Some(&item.ident)),
            syn::Item::TraitAlias(item) => (&item.attrs, Some(&item.ident)),
            syn::Item::Type(item) => (&item.attrs, Some(&item.ident)),
            syn::Item::Union(item) => (&item.attrs, Some(&item.ident)),
            syn::Item::Mod(item) => (&item.attrs, None),
            syn::Item::Fn(item) => (&item.attrs, None),
            syn::Item::Impl(item) => (&item.attrs, None),
            _ => return syn::visit::visit_item(self, item),
        };
        if only_for_tests(attributes) {
            return;
        }
        self.types.extend(name.map(ToString::to_string));
        syn::visit::visit_item(self, item);
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        let sentence = first_sentence(&variant.attrs);
        if !sentence.is_empty() && !only_for_tests(&variant.attrs) {
            self.variants.push((variant.ident.to_string(), sentence));
        }
        syn::visit::visit_variant(self, variant);
    }
}

impl Definitions {
    fn of(syntax: &syn::File) -> Self {
        let mut definitions = Self::default();
        definitions.visit_file(syntax);
        definitions
    }
}

/// The words of a name: `AccessKey` and `access_key` are both `access` and `key`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for character in name.chars() {
        if !character.is_alphanumeric() || character.is_uppercase() {
            words.push(String::new());
        }
        if character.is_alphanumeric() {
            let word = words.last_mut().expect("there is a word");
            word.extend(character.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What is banned in a name, with the reason.
fn banned_in_name(name: &str) -> Option<(&'static str, &'static str)> {
    let words = words(name);
    let banned = BANNED.iter().find(|(word, scope, _)| match scope {
        Scope::Everywhere | Scope::Names => words.iter().any(|other| other == word),
        Scope::WholeNames => words == [*word],
        Scope::Comments => false,
    });
    banned.map(|(word, _, reason)| (*word, *reason))
}

/// What is banned in comments that stand one below the other; each with the index of its line.
fn banned_in_comments(comments: &[&str]) -> Vec<(usize, &'static str, &'static str)> {
    let mut in_code = false;
    let mut words: Vec<(usize, String)> = Vec::new();
    for (index, comment) in comments.iter().enumerate() {
        let text = comment.trim_start_matches(['/', '!', '*']);
        let mut word = String::new();
        for character in text.chars().chain([' ']) {
            if character == '`' {
                in_code = !in_code;
            }
            if character.is_alphabetic() && !in_code {
                word.extend(character.to_lowercase());
            } else if !word.is_empty() {
                // A word that is part of a name in code or a URL isn't a word of the sentence.
                let part = matches!(character, '_' | '/');
                words.push((index, if part { String::new() } else { word.clone() }));
                word.clear();
            }
        }
    }
    let mut found = Vec::new();
    for (phrase, scope, reason) in BANNED {
        if matches!(scope, Scope::Names | Scope::WholeNames) {
            continue;
        }
        let phrase_words: Vec<&str> = phrase.split(' ').collect();
        for window in words.windows(phrase_words.len()) {
            if window
                .iter()
                .map(|(_, word)| word.as_str())
                .eq(phrase_words.iter().copied())
            {
                found.push((window[0].0, *phrase, *reason));
            }
        }
    }
    found.sort_unstable();
    found
}

/// The line, from 1 on, on which `keyword name` stands outside comments and tests; 1 where it isn't found.
fn line_of(source: &Source, wanted: &dyn Fn(&[&str]) -> bool) -> usize {
    let found = source.lines.iter().position(|line| {
        let words: Vec<&str> = line
            .code
            .split(|character: char| !character.is_alphanumeric() && character != '_')
            .filter(|word| !word.is_empty())
            .collect();
        !line.test && wanted(&words)
    });
    found.map_or(1, |index| index + 1)
}

fn definition_line(source: &Source, name: &str) -> usize {
    line_of(source, &|words| {
        words.windows(2).any(|pair| {
            ["struct", "enum", "trait", "type", "union"].contains(&pair[0]) && pair[1] == name
        })
    })
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The files of modules that only tests have: `tests`, and those that are declared so (`#[cfg(test)] mod fake;`).
fn test_modules(sources: &[Source]) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for source in sources {
        let folder = match source.path.rsplit_once('/') {
            Some((folder, "mod.rs")) => format!("{folder}/"),
            _ if source.path == "lib.rs" => String::new(),
            _ => format!("{}/", source.path.trim_end_matches(".rs")),
        };
        for item in &source.syntax.items {
            if let syn::Item::Mod(item) = item
                && item.content.is_none()
                && only_for_tests(&item.attrs)
            {
                modules.insert(format!("{folder}{}", item.ident));
            }
        }
    }
    modules
}

/// Every source of the crate, without the files that only tests have.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let mut sources: Vec<Source> = files
        .iter()
        .map(|file| {
            let relative = file.strip_prefix(&root).expect("a file under src");
            let text = fs::read_to_string(file).expect("a readable source");
            Source {
                path: relative.to_string_lossy().replace('\\', "/"),
                syntax: syn::parse_file(&text).expect("a source that parses"),
                lines: lines(&text),
            }
        })
        .collect();
    let tests = test_modules(&sources);
    sources.retain(|source| {
        !tests.iter().any(|module| {
            source.path == format!("{module}.rs") || source.path.starts_with(&format!("{module}/"))
        })
    });
    assert!(sources.len() > 100, "the sources are found");
    sources
}

/// The module of the crate that a source belongs to.
fn module(path: &str) -> &str {
    path.split(['/', '.']).next().unwrap_or(path)
}

/// Whether a type may be defined in just these sources: once, or as a record and as its form on the wire.
fn may_be_defined_in(modules: &[&str]) -> bool {
    let on_the_wire = |module: &&str| ["operations", "wire"].contains(module);
    match modules {
        [_] => true,
        [one, other] => {
            let above = |module: &&str| ["cli", "console", "main"].contains(module);
            on_the_wire(one) != on_the_wire(other) && !above(one) && !above(other)
        }
        _ => false,
    }
}

#[test]
fn a_search_for_a_type_finds_one_type() {
    let sources = sources();
    let mut defined: BTreeMap<String, Vec<&Source>> = BTreeMap::new();
    for source in &sources {
        for name in Definitions::of(&source.syntax).types {
            defined.entry(name).or_default().push(source);
        }
    }
    let mut wrong = Vec::new();
    for (name, sources) in defined {
        let modules: Vec<&str> = sources.iter().map(|source| module(&source.path)).collect();
        if !may_be_defined_in(&modules) {
            for source in sources {
                let line = definition_line(source, &name);
                wrong.push(format!(
                    "src/{}:{line}: {name} is defined {} times",
                    source.path,
                    modules.len()
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} violations\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn names_and_comments_have_the_words_of_the_field() {
    let mut wrong = Vec::new();
    for source in sources() {
        for part in source.path.trim_end_matches(".rs").split('/') {
            if let Some((word, reason)) = banned_in_name(part) {
                wrong.push(format!(
                    "src/{}:1: the file's name has '{word}' ({reason})",
                    source.path
                ));
            }
        }
        for name in Definitions::of(&source.syntax).types {
            if let Some((word, reason)) = banned_in_name(&name) {
                let line = definition_line(&source, &name);
                wrong.push(format!(
                    "src/{}:{line}: {name} has '{word}' ({reason})",
                    source.path
                ));
            }
        }
        let comments: Vec<(usize, &str)> = source
            .lines
            .iter()
            .enumerate()
            .filter(|(_, line)| !line.test && !line.comment.is_empty())
            .map(|(index, line)| (index, line.comment.as_str()))
            .collect();
        for block in comments.chunk_by(|one, other| one.0 + 1 == other.0) {
            let texts: Vec<&str> = block.iter().map(|(_, text)| *text).collect();
            for (index, word, reason) in banned_in_comments(&texts) {
                let line = block[index].0 + 1;
                wrong.push(format!(
                    "src/{}:{line}: the comment has '{word}' ({reason})",
                    source.path
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} violations\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_documentation_of_a_variant_stands_alone() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (variant, sentence) in Definitions::of(&source.syntax).variants {
            if sentence.split_whitespace().count() < FEWEST_WORDS {
                let text = format!("/// {sentence}");
                let line = source
                    .lines
                    .iter()
                    .position(|line| line.comment.starts_with(&text));
                let line = line.map_or(1, |index| index + 1);
                wrong.push(format!(
                    "src/{}:{line}: {variant} is documented as \"{sentence}\"",
                    source.path
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} violations\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_banned_word_is_found_wherever_it_stands() {
    for (name, word) in [
        ("ToldToStop", "told"),
        ("Whose", "whose"),
        ("at_place", "place"),
        ("NotGiven", "given"),
        ("Of", "of"),
    ] {
        assert_eq!(
            banned_in_name(name).map(|(word, _)| word),
            Some(word),
            "{name}"
        );
    }
    for name in [
        "ProofOfPossession",
        "Replaced",
        "Whatever",
        "Attributes",
        "Mushroom",
    ] {
        assert!(banned_in_name(name).is_none(), "{name}");
    }
    for (comments, word) in [
        (&["// A place to be."][..], "place"),
        (&["/// Nobody's key."], "nobody"),
        (
            &["//! It is the", "//! house that", "//! serves."],
            "the house",
        ),
        (&["/* said */"], "said"),
    ] {
        let found = banned_in_comments(comments);
        assert!(
            found.iter().any(|(_, found, _)| *found == word),
            "{comments:?}"
        );
    }
    for comments in [
        &["/// Sends on a `watch` channel."][..],
        &["// <https://example.com/place/x>"],
        &["// A replacement takes part."],
    ] {
        assert!(banned_in_comments(comments).is_empty(), "{comments:?}");
    }
}

#[test]
fn comments_differ_from_code_and_code_from_tests() {
    let text = "fn f() { g(\"// no comment\", 'a', '\\'', r#\"// nor \"this\"#) } // one\n/* two\nlines */ struct S;\n\
                #[cfg(test)]\nmod tests {\n    // three\n}\n// four\n#[cfg(test)]\nmod fake;\n// five\n";
    let lines = lines(text);
    let comments: Vec<&str> = lines
        .iter()
        .filter(|line| !line.test && !line.comment.is_empty())
        .map(|line| line.comment.trim_matches(['/', '*', ' ']))
        .collect();
    assert_eq!(comments, ["one", "two", "lines", "four", "five"]);
    assert_eq!(lines[2].code.trim(), "struct S;");
}

#[test]
fn types_are_found_wherever_they_are_defined() {
    let syntax = syn::parse_file(
        "struct A; mod b { pub(crate) enum B { /// Yes.\n One } } fn f() { struct C; } impl A { fn g() { union D { x: u8 } } } \
         type E = A; trait F { type Not; } #[cfg(test)] mod tests { struct Not; } #[cfg(test)] struct Not;",
    );
    let definitions = Definitions::of(&syntax.expect("a source that parses"));
    assert_eq!(definitions.types, ["A", "B", "C", "D", "E", "F"]);
    assert_eq!(
        definitions.variants,
        [("One".to_owned(), "Yes.".to_owned())]
    );
    for (modules, may) in [
        (&["model"][..], true),
        (&["model", "operations"], true),
        (&["wire", "policy"], true),
        (&["model", "policy"], false),
        (&["model", "model"], false),
        (&["operations", "operations"], false),
        (&["operations", "cli"], false),
        (&["model", "operations", "wire"], false),
    ] {
        assert_eq!(may_be_defined_in(modules), may, "{modules:?}");
    }
}
