//! Who may import whom. Reads every source with `syn`, so that no spelling of a path gets round the table.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// A module and what it may import. Each line is a decision of the design; a module that isn't here may not exist.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("ambient", &[]),
    ("error", &[]),
    ("model", &["ambient"]),
    ("seal", &["ambient"]),
    ("outgoing", &["ambient"]),
    ("sigv4", &["ambient", "model"]),
    // So that mistakes in a route's session policy are told with those of the file.
    ("config", &["model", "policy"]),
    ("policy", &["ambient", "model", "seal"]),
    ("store", &["ambient", "model", "seal"]),
    ("tokens", &["ambient", "model", "seal"]),
    ("logins", &["ambient", "model", "sigv4", "outgoing"]),
    (
        "credentials",
        &["ambient", "model", "seal", "policy", "outgoing"],
    ),
    (
        "app",
        &[
            "ambient",
            "error",
            "model",
            "seal",
            "outgoing",
            "config",
            "policy",
            "store",
            "tokens",
            "logins",
            "credentials",
            "sigv4",
        ],
    ),
    ("operations", &["app", "error", "model", "policy"]),
    ("wire", &["operations", "app", "error", "model", "sigv4"]),
    (
        "console",
        &["wire", "operations", "app", "config", "error", "model"],
    ),
    (
        "cli",
        &[
            "ambient",
            "console",
            "wire",
            "operations",
            "app",
            "config",
            "error",
            "model",
        ],
    ),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// The modules of the house that a source names.
struct Imports<'m> {
    modules: &'m BTreeSet<String>,
    found: BTreeSet<String>,
    /// How many modules the place that is read stands below the crate's root.
    depth: usize,
    strange: Vec<String>,
}

impl Imports<'_> {
    /// Takes note of a path, given as its words.
    fn path(&mut self, words: &[String]) {
        let supers = words.iter().take_while(|word| *word == "super").count();
        let named = match words.first().map(String::as_str) {
            Some("crate" | "cognate") => words.get(1),
            Some("super") if supers == self.depth => words.get(supers),
            _ => None,
        };
        match named {
            Some(name) if self.modules.contains(name) => {
                self.found.insert(name.clone());
            }
            // `use crate as house`, `use crate::*` and the like would hide what is imported.
            Some(name) if name == "*" || name == "self" => self.strange.push(words.join("::")),
            _ => {}
        }
    }

    fn tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |word: &dyn ToString| {
            let mut words = before.to_vec();
            words.push(word.to_string());
            words
        };
        match tree {
            syn::UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.path(&with(&name.ident)),
            syn::UseTree::Rename(name) => {
                if before.is_empty() {
                    self.strange
                        .push(format!("{} as {}", name.ident, name.rename));
                }
                self.path(&with(&name.ident));
            }
            syn::UseTree::Glob(_) => self.path(&with(&"*")),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(before, tree);
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Imports<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.depth += 1;
        syn::visit::visit_item_mod(self, item);
        self.depth -= 1;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.path(&words);
        syn::visit::visit_path(self, path);
    }

    /// What a macro is given is read as words too: `vec![crate::store::X]`.
    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        let text = item.tokens.to_string().replace(' ', "");
        for root in ["crate::", "cognate::"] {
            for (at, _) in text.match_indices(root) {
                let word: String = text[at + root.len()..]
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                self.path(&["crate".to_owned(), word]);
            }
        }
        syn::visit::visit_macro(self, item);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.strange.push(format!("extern crate {}", item.ident));
    }
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The module of the house that a source belongs to, and how deep below the root it stands.
fn place(source: &Path) -> (String, usize) {
    let words: Vec<String> = source
        .with_extension("")
        .components()
        .map(|word| word.as_os_str().to_string_lossy().into_owned())
        .filter(|word| word != "mod")
        .collect();
    (words[0].clone(), words.len())
}

fn imports_of(
    text: &str,
    depth: usize,
    modules: &BTreeSet<String>,
) -> (BTreeSet<String>, Vec<String>) {
    let file = syn::parse_file(text).expect("a source that parses");
    let mut imports = Imports {
        modules,
        found: BTreeSet::new(),
        depth,
        strange: Vec::new(),
    };
    imports.visit_file(&file);
    (imports.found, imports.strange)
}

#[test]
fn modules_import_only_downwards() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(!files.is_empty());
    let modules: BTreeSet<String> = MAY_IMPORT
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let mut wrong = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&root).expect("a file under src");
        let (module, depth) = place(relative);
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!(
                "{}: the table has no module {module}",
                relative.display()
            ));
            continue;
        };
        let text = fs::read_to_string(&file).expect("a readable source");
        let (found, strange) = imports_of(&text, depth, &modules);
        for other in found {
            if other != module && !allowed.contains(&other.as_str()) {
                wrong.push(format!(
                    "{}: {module} may not import {other}",
                    relative.display()
                ));
            }
        }
        for path in strange {
            wrong.push(format!(
                "{}: `{path}` hides what is imported",
                relative.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_spelling_of_a_path_gets_round_the_table() {
    let modules: BTreeSet<String> = ["store", "model"].map(String::from).into();
    for text in [
        "use crate::store::Store;",
        "use crate::{model, store};",
        "use crate::{model::x, store::{self, Store}};",
        "use crate::store as s;",
        "use super::store::Store;",
        "use cognate::store::Store;",
        "fn f() { crate::store::g() }",
        "fn f(x: &dyn crate::store::Store) {}",
        "fn f() { super::store::g() }",
        "mod inner { use crate::store::Store; }",
        "mod inner { use super::super::store::Store; }",
        "fn f() { println!(\"{}\", crate::store::NAME) }",
        "macro_rules! m { () => { crate::store::g() } }",
        "#[derive(Debug)] struct S { s: Box<dyn crate::store::Store> }",
    ] {
        let (found, _) = imports_of(text, 1, &modules);
        assert!(found.contains("store"), "{text}");
    }
    for text in [
        "use crate::*;",
        "use crate as house;",
        "extern crate cognate;",
    ] {
        let (_, strange) = imports_of(text, 1, &modules);
        assert!(!strange.is_empty(), "{text}");
    }
}
