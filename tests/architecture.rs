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
    ("permits", &["ambient"]),
    ("spans", &["model"]),
    ("blocking", &["permits", "spans"]),
    ("outgoing", &["ambient", "model", "permits", "spans"]),
    ("sigv4", &["ambient", "model", "seal"]),
    ("policy", &["ambient", "model", "seal"]),
    // `check-config` reports errors in a route's session policy together with those of the file.
    ("config", &["model", "policy"]),
    ("audit", &["ambient", "config", "spans"]),
    ("store", &["ambient", "model", "seal", "spans"]),
    ("tokens", &["ambient", "blocking", "model", "seal"]),
    ("test_issuer", &["model"]),
    (
        "logins",
        &[
            "ambient", "blocking", "model", "permits", "sigv4", "spans", "outgoing",
        ],
    ),
    (
        "credentials",
        &["ambient", "model", "seal", "policy", "outgoing"],
    ),
    (
        "app",
        &[
            "ambient",
            "blocking",
            "error",
            "model",
            "seal",
            "permits",
            "spans",
            "outgoing",
            "sigv4",
            "policy",
            "config",
            "audit",
            "store",
            "tokens",
            "test_issuer",
            "logins",
            "credentials",
        ],
    ),
    ("operations", &["app", "error", "model", "policy"]),
    (
        "wire",
        &[
            "operations",
            "app",
            "audit",
            "blocking",
            "error",
            "model",
            "permits",
            "sigv4",
            "spans",
            "test_issuer",
        ],
    ),
    ("console", ABOVE_WIRE),
    ("cli", ABOVE_WIRE),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// What the commands and the console may import.
const ABOVE_WIRE: &[&str] = &[
    "wire",
    "operations",
    "app",
    "config",
    "error",
    "model",
    "ambient",
    "sigv4",
    "spans",
    "test_issuer",
    "outgoing",
    "audit",
];

/// The modules that reach the store only through functions of `app`.
const WITHOUT_STORE: &[&str] = &["operations", "wire", "console", "cli"];

/// The modules of the crate that a source names.
struct Imports<'m> {
    modules: &'m BTreeSet<String>,
    found: BTreeSet<String>,
    /// How many modules below the crate's root the item is that is read.
    depth: usize,
    strange: Vec<String>,
}

/// The word of a path that names something at the crate's root, where the path begins there.
fn at_root(words: &[String], depth: usize) -> Option<&String> {
    let supers = words.iter().take_while(|word| *word == "super").count();
    match words.first().map(String::as_str) {
        Some("crate" | "cognate") => words.get(1),
        Some("super") if supers == depth => words.get(supers),
        _ => None,
    }
}

impl Imports<'_> {
    /// Takes note of a path, as its words.
    fn path(&mut self, words: &[String]) {
        match at_root(words, self.depth) {
            Some(name) if self.modules.contains(name) => {
                self.found.insert(name.clone());
            }
            // `use crate as root`, `use crate::*` and the like would hide what is imported.
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

    /// The input of a macro is read as words too: `vec![crate::store::X]`.
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

/// The module of the crate that a source belongs to, and its depth below the root.
fn module_of(source: &Path) -> (String, usize) {
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
    let modules = modules();
    let mut wrong = Vec::new();
    for (file, module, depth, text) in all_sources() {
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("{file}: the table has no module {module}"));
            continue;
        };
        let (found, strange) = imports_of(&text, depth, &modules);
        for other in found {
            if other != module && !allowed.contains(&other.as_str()) {
                wrong.push(format!("{file}: {module} may not import {other}"));
            }
        }
        for path in strange {
            wrong.push(format!("{file}: `{path}` hides what is imported"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The sources with public-key cryptography. Each is called in a turn of a [`BlockingPool`](cognate::blocking) only, beside the
/// fakes and tests, and the making of keys.
const WITH_SIGNATURES: &[&str] = &[
    "logins/jwks/key.rs",
    "logins/saml/decryption.rs",
    "logins/saml/key.rs",
    "logins/saml/signature.rs",
    // Of `cognate dev` alone.
    "test_issuer/key.rs",
    "tokens/signing_key.rs",
];

#[test]
fn public_key_cryptography_is_in_few_files() {
    let library = [
        "aws_lc_rs::signature",
        "aws_lc_rs::rsa",
        "aws_lc_rs::agreement",
        "aws_lc_rs::kem",
        "bergshamra_",
        "rcgen",
        "jsonwebtoken",
    ];
    let mut found = BTreeSet::new();
    for (file, _, _, text) in all_sources() {
        let is_test = file.contains("/tests") || file.contains("logins/fake/");
        if !is_test && library.iter().any(|name| text.contains(name)) {
            found.insert(file);
        }
    }
    let expected: BTreeSet<_> = WITH_SIGNATURES
        .iter()
        .map(|&file| file.to_owned())
        .collect();
    assert_eq!(found, expected);
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
        "use crate as root;",
        "extern crate cognate;",
    ] {
        let (_, strange) = imports_of(text, 1, &modules);
        assert!(!strange.is_empty(), "{text}");
    }
}

/// Uses of the store: a field or a method `store`, on whatever value, so that no local binding hides one.
#[derive(Default)]
struct StoreUses {
    found: Vec<String>,
}

impl<'ast> Visit<'ast> for StoreUses {
    fn visit_member(&mut self, member: &'ast syn::Member) {
        if matches!(member, syn::Member::Named(name) if name == "store") {
            self.found.push("the field `store`".to_owned());
        }
    }

    /// `AtomicBool::store` has arguments; a method that answers the store has none.
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method == "store" && call.args.is_empty() {
            self.found.push("the method `store`".to_owned());
        }
        syn::visit::visit_expr_method_call(self, call);
    }

    /// `App::store` as a function, as in `map(App::store)`.
    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        let mut words = path.path.segments.iter().rev().map(|s| s.ident.to_string());
        if words.next().as_deref() == Some("store") && words.next().as_deref() == Some("App") {
            self.found.push("the function `App::store`".to_owned());
        }
        syn::visit::visit_expr_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        let text = item.tokens.to_string().replace(char::is_whitespace, "");
        for (at, found) in text.match_indices(".store") {
            let after = &text[at + found.len()..];
            let ends = !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            let has_arguments = after.starts_with('(') && !after.starts_with("()");
            if ends && !has_arguments {
                self.found.push("`.store` in a macro".to_owned());
            }
        }
    }
}

fn store_uses(text: &str) -> Vec<String> {
    let file = syn::parse_file(text).expect("a source that parses");
    let mut uses = StoreUses::default();
    uses.visit_file(&file);
    uses.found
}

/// What a source of `module` gives out as its own although another module of the crate defines it.
struct ReExports<'m> {
    module: &'m str,
    modules: &'m BTreeSet<String>,
    depth: usize,
    /// The names that private imports from other modules bring into scope.
    imported: BTreeSet<String>,
    /// Whether names are collected, which must be done before any is looked up.
    collecting: bool,
    found: Vec<String>,
}

impl ReExports<'_> {
    /// Whether a path leads to another module of the crate, at once or by a name that was imported from there.
    fn leads_away(&self, words: &[String]) -> bool {
        if let Some(name) = at_root(words, self.depth) {
            return self.modules.contains(name) && name != self.module;
        }
        let local = words.iter().find(|word| *word != "self");
        local.is_some_and(|name| self.imported.contains(name))
    }

    fn tree(&mut self, before: &[String], tree: &syn::UseTree, public: bool) {
        let mut words = before.to_vec();
        let name = match tree {
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(before, tree, public);
                }
                return;
            }
            syn::UseTree::Path(path) => {
                words.push(path.ident.to_string());
                return self.tree(&words, &path.tree, public);
            }
            syn::UseTree::Name(name) => {
                words.push(name.ident.to_string());
                if name.ident == "self" {
                    before.last().cloned()
                } else {
                    Some(name.ident.to_string())
                }
            }
            syn::UseTree::Rename(name) => {
                words.push(name.ident.to_string());
                Some(name.rename.to_string())
            }
            syn::UseTree::Glob(_) => {
                words.push("*".to_owned());
                None
            }
        };
        if !self.leads_away(&words) {
            return;
        }
        if public && !self.collecting {
            self.found.push(words.join("::"));
        }
        if !public && self.collecting {
            self.imported.extend(name);
        }
    }
}

fn is_public(visibility: &syn::Visibility) -> bool {
    !matches!(visibility, syn::Visibility::Inherited)
}

impl<'ast> Visit<'ast> for ReExports<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.depth += 1;
        syn::visit::visit_item_mod(self, item);
        self.depth -= 1;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&[], &item.tree, is_public(&item.vis));
    }

    /// `pub type Key = crate::sigv4::SecretKey;` is a re-export in other words.
    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        if let syn::Type::Path(path) = &*item.ty
            && is_public(&item.vis)
            && !self.collecting
        {
            let segments = path.path.segments.iter();
            let words: Vec<String> = segments.map(|s| s.ident.to_string()).collect();
            if self.leads_away(&words) {
                self.found.push(words.join("::"));
            }
        }
    }
}

fn re_exports(text: &str, module: &str, depth: usize, modules: &BTreeSet<String>) -> Vec<String> {
    let file = syn::parse_file(text).expect("a source that parses");
    let mut visitor = ReExports {
        module,
        modules,
        depth,
        imported: BTreeSet::new(),
        collecting: true,
        found: Vec::new(),
    };
    visitor.visit_file(&file);
    visitor.collecting = false;
    visitor.visit_file(&file);
    visitor.found
}

fn modules() -> BTreeSet<String> {
    let names = MAY_IMPORT.iter().map(|(name, _)| (*name).to_owned());
    names.collect()
}

/// Every source: its path below `src`, its module, its depth below the root, its text.
fn all_sources() -> Vec<(String, String, usize, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    files.sort();
    assert!(!files.is_empty());
    let read = |file: &PathBuf| {
        let relative = file.strip_prefix(&root).expect("a file under src");
        let (module, depth) = module_of(relative);
        let text = fs::read_to_string(file).expect("a readable source");
        (relative.display().to_string(), module, depth, text)
    };
    files.iter().map(read).collect()
}

#[test]
fn only_app_reaches_the_store() {
    let mut wrong = Vec::new();
    for (file, module, _, text) in all_sources() {
        if WITHOUT_STORE.contains(&module.as_str()) {
            let found = store_uses(&text);
            wrong.extend(
                found
                    .iter()
                    .map(|what| format!("{file}: {module} uses {what}")),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Only the parts of `app::access` make the condition keys of a request, each of its own owner, so that an operation can't
/// set a key of the caller. Simulations take keys from their input and answer no request.
#[test]
fn only_access_makes_condition_keys() {
    const MAKERS: [&str; 6] = [
        "app/access/condition_keys/",
        "app/access/simulate.rs",
        // Tests of the policies alone.
        "app/roles/trust_attacks.rs",
        "operations/admin/simulate_policy.rs",
        "operations/iam/simulate.rs",
        "policy/",
    ];
    let makes = |text: &str| {
        [
            "OwnedKeys",
            "policy::Context",
            "Context::default()",
            " Context,",
        ]
        .iter()
        .any(|name| text.contains(name))
    };
    for (file, _, _, text) in all_sources() {
        let may = MAKERS.iter().any(|maker| file.starts_with(maker));
        assert!(may || !makes(&text), "{file} makes condition keys");
    }
}

#[test]
fn no_module_gives_out_what_another_defines() {
    let modules = modules();
    let mut wrong = Vec::new();
    for (file, module, depth, text) in all_sources() {
        let found = re_exports(&text, &module, depth, &modules);
        wrong.extend(
            found
                .iter()
                .map(|path| format!("{file}: {module} re-exports {path}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_spelling_hides_a_use_of_the_store() {
    for text in [
        "async fn f(call: &Call<'_>) { call.app.store.pool(id).await }",
        "fn f(app: &App) { app.store.close() }",
        "fn f(app: &App) { let app = &app; let store = &app.store; store.close() }",
        "fn f(front: &Front) { (*front.app).store.check() }",
        "fn f(app: &App) { let App { store, .. } = app; }",
        "fn f(app: &App) { let App { store: s, .. } = app; }",
        "fn f(App { store, .. }: &App) {}",
        "fn f(app: &App) { app.store().close() }",
        "fn f(app: Option<&App>) { app.map(App::store) }",
        "fn f(app: Option<&App>) { app.map(|app| &app.store) }",
        "fn f(app: &App) { assert!(app.store.is_open()) }",
        "fn f(app: &App) { println!(\"{:?}\", app . store) }",
        "mod inner { fn f(app: &App) { app.store.close() } }",
        "macro_rules! m { ($app:expr) => { $app.store } }",
    ] {
        assert!(!store_uses(text).is_empty(), "{text}");
    }
    for text in [
        "fn f(flag: &AtomicBool) { flag.store(true, Ordering::Relaxed) }",
        "fn f(flag: &AtomicBool) { assert!(flag.store(true)) }",
        "fn f(call: &Call<'_>) { pools::find(call, id) }",
        "fn f(app: &App) { app.stored }",
        "fn f() { let store = 1; g(store) }",
    ] {
        assert!(store_uses(text).is_empty(), "{text}");
    }
}

#[test]
fn no_spelling_hides_a_re_export() {
    let modules: BTreeSet<String> = ["store", "model", "sigv4", "wire"].map(String::from).into();
    for text in [
        "pub use crate::sigv4;",
        "pub use crate::sigv4::sign;",
        "pub use crate::{model, sigv4 as s};",
        "pub use crate::sigv4::*;",
        "pub use cognate::sigv4::sign;",
        "pub use super::sigv4::sign;",
        "pub(crate) use crate::sigv4::sign;",
        "pub(super) use crate::sigv4::sign;",
        "use crate::sigv4; pub use sigv4::sign;",
        "pub use self::sigv4::sign; use crate::sigv4;",
        "use crate::sigv4::{self}; pub use sigv4::sign;",
        "use crate::sigv4 as s; pub use s::sign;",
        "pub type Key = crate::sigv4::SecretKey;",
        "use crate::sigv4::SecretKey; pub type Key = SecretKey;",
        "pub mod inner { pub use crate::sigv4::sign; }",
        "pub mod inner { pub use super::super::sigv4::sign; }",
    ] {
        assert!(!re_exports(text, "wire", 1, &modules).is_empty(), "{text}");
    }
    for text in [
        "use crate::sigv4;",
        "pub use self::respond::answer;",
        "pub use crate::wire::respond::answer;",
        "pub use respond::answer;",
        "pub use http::Request;",
        "pub type Result<T> = std::result::Result<T, crate::model::Wrong>;",
    ] {
        assert!(re_exports(text, "wire", 1, &modules).is_empty(), "{text}");
    }
}
