//! The mistakes of `docs/mistakes.md`: each is made, and the program says exactly what its row says.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A mistake, as a list of what is done before the program is started. `{F}` is the folder of the case.
struct Mistake {
    area: &'static str,
    name: &'static str,
    steps: Vec<Step>,
}

enum Step {
    /// The arguments of the program; `check-config` otherwise.
    Run(&'static str),
    /// The text of `cognate.toml`, which `--config` then names.
    Config(&'static str),
    Variable(&'static str, &'static str),
    File(&'static str, &'static [u8]),
    Mode(&'static str, u32),
    Remove(&'static str),
    Link(&'static str, &'static str),
    /// A data directory that a server has used.
    Used,
    /// Two certificates with their keys: `one.pem`, `one.key`, `two.pem`, `two.key`.
    Certificates,
    /// Binds the port that `{P}` is then.
    Bind,
}

use Step::{Bind, Certificates, Config, File, Link, Mode, Remove, Run, Used, Variable};

const SERVE: &str = "serve --listen 127.0.0.1:0 --data-dir {F}/data";
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

macro_rules! mistakes {
    ($($area:literal { $($name:literal: [$($step:expr),* $(,)?];)* })*) => {
        fn mistakes() -> Vec<Mistake> {
            vec![$($(Mistake { area: $area, name: $name, steps: vec![$($step),*] },)*)*]
        }
    };
}

mistakes! {
    "flags and files" {
        "a misspelt flag": [Run("serve --lissen 127.0.0.1:1")];
        "a misspelt command": [Run("sevre")];
        "a flag without its value": [Run("serve --config")];
        "a configuration file that isn't there": [Run("check-config --config {F}/none.toml")];
        "a string without quotes": [Config("listen = localhost:2646")];
        "a misspelt key": [Config("lisen = \"127.0.0.1:1\"")];
        "a misspelt table": [Config("[tsl]\nkey_file = \"x\"")];
        "a key in another table": [Config("[log]\naccount_id = \"123456789012\"")];
        "a key that is there twice": [Config("drain_delay = 1\ndrain_delay = 2")];
        "a string in place of a number": [Config("drain_delay = \"5\"")];
        "a number out of range": [Config("drain_delay = 601")];
        "a number in place of true": [Config("allow_http_issuers = 1")];
        "an account id without quotes": [Config("account_id = 123456789012")];
        "an account id that is too short": [Run("check-config --account-id 12345")];
        "a region that is none": [Config("regions = [\"Europe\"]")];
        "a variable that is no number": [Variable("COGNATE_EVENTS_KEEP_DAYS", "ten")];
        "a log filter that is none": [Config("log.filter = \"cognate=loud\"")];
        "a log format that is none": [Config("log.format = \"xml\"")];
        "a collector of traces that is no URL": [Config("traces.otlp_endpoint = \"127.0.0.1:4318\"")];
        "a collector of traces with a password": [Config("traces.otlp_endpoint = \"https://me:pass@otlp.example.com\"")];
        "plain http to a collector elsewhere": [Config("traces.otlp_endpoint = \"http://otlp.example.com:4318\"")];
        "a share of traces above 1": [Config("traces.sample_ratio = 1.5")];
        "a file that isn't UTF-8": [File("cognate.toml", b"# \xff\n"), Run("check-config --config {F}/cognate.toml")];
    }
    "directories and permissions" {
        "a data directory that is a file": [File("data", b"x"), Run(SERVE)];
        "a data directory below a file": [File("file", b"x"), Run("serve --listen 127.0.0.1:0 --data-dir {F}/file/data")];
        "a data directory that everyone may write to": [Used, Mode("data", 0o777), Run(SERVE)];
        "a database that everyone may write to": [Used, Mode("data/cognate.sqlite", 0o602), Run(SERVE)];
        "root credentials that everyone may read": [Used, Mode("data/root-credentials", 0o644), Run(SERVE)];
        "a master key that a group may read": [Used, Mode("data/master.key", 0o640), Run(SERVE)];
        "a master key that is a link": [Used, Link("elsewhere.key", "data/master.key"), Run(SERVE)];
        "a directory that lost its database": [Used, Remove("data/cognate.sqlite"), Run(SERVE)];
        "something else in place of the database": [Used, File("data/cognate.sqlite", b"Dear diary"), Run(SERVE)];
        "root credentials of another store": [File("data/root-credentials", b"[default]\n"), Mode("data/root-credentials", 0o600), Mode("data", 0o700), Run(SERVE)];
        "a backup over an existing file": [Used, File("backup", b"x"), Run("backup {F}/backup --data-dir {F}/data")];
        "a backup of nothing": [Run("backup {F}/backup --data-dir {F}/data")];
        "a restore over a store": [Used, File("backup", b"x"), Run("restore {F}/backup --data-dir {F}/data")];
        "a restore of something else": [File("backup", b"Dear diary"), Run("restore {F}/backup --data-dir {F}/data")];
    }
    "keys" {
        "a master key that is none": [Used, File("data/master.key", b"swordfish\n"), Run(SERVE)];
        "the same master key twice": [Used, File("data/master.key", b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"), Run(SERVE)];
        "a master key that is gone": [Used, Remove("data/master.key"), Run(SERVE)];
        "the master key of another store": [Used, File("data/master.key", b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"), Run(SERVE)];
        "a variable that is no master key": [Variable("COGNATE_MASTER_KEY", "c3dvcmRmaXNo")];
        "a master key and its file": [Variable("COGNATE_MASTER_KEY", KEY), Variable("COGNATE_MASTER_KEY_FILE", "/k")];
        "another master key over a file": [File("k", b"x"), Run("master-key make {F}/k")];
        "a root key id without its secret": [Config("root.access_key_id = \"AKIAIOSFODNN7EXAMPLE\"")];
        "a root secret without its id": [Config("root.secret_access_key = \"0123456789abcdef\"")];
        "a root secret that is too short": [Config("[root]\naccess_key_id = \"AKIAIOSFODNN7EXAMPLE\"\nsecret_access_key = \"hunter2\"")];
        "a root key id in lower case": [Config("[root]\naccess_key_id = \"akiaiosfodnn7example\"\nsecret_access_key = \"0123456789abcdef\"")];
        "a root secret and its file": [File("secret", b"0123456789abcdef"), Config("[root]\naccess_key_id = \"AKIAIOSFODNN7EXAMPLE\"\nsecret_access_key = \"0123456789abcdef\"\nsecret_access_key_file = \"{F}/secret\"")];
        "a root key from two sources": [Config("root.access_key_id = \"AKIAIOSFODNN7EXAMPLE\""), Variable("COGNATE_ROOT_SECRET_ACCESS_KEY", "0123456789abcdef")];
        "a file of a secret that isn't there": [Config("[root]\naccess_key_id = \"AKIAIOSFODNN7EXAMPLE\"\nsecret_access_key_file = \"{F}/none\"")];
        "a lost root key that is configured": [Used, Variable("COGNATE_ROOT_ENABLED", "false"), Run("root-key recover --data-dir {F}/data")];
    }
    "TLS" {
        "a certificate without its key": [Certificates, Config("tls.certificate_file = \"{F}/one.pem\"")];
        "a key without its certificate": [Certificates, Config("tls.key_file = \"{F}/one.key\"")];
        "an empty table": [Config("[tls]")];
        "a certificate that isn't there": [Certificates, Config("[tls]\ncertificate_file = \"{F}/none.pem\"\nkey_file = \"{F}/one.key\"")];
        "a certificate that isn't PEM": [Certificates, File("one.pem", b"Certified by me."), Config("[tls]\ncertificate_file = \"{F}/one.pem\"\nkey_file = \"{F}/one.key\"")];
        "a key in place of the certificate": [Certificates, Config("[tls]\ncertificate_file = \"{F}/one.key\"\nkey_file = \"{F}/one.key\"")];
        "a certificate in place of the key": [Certificates, Config("[tls]\ncertificate_file = \"{F}/one.pem\"\nkey_file = \"{F}/one.pem\"")];
        "the key of another certificate": [Certificates, Config("[tls]\ncertificate_file = \"{F}/one.pem\"\nkey_file = \"{F}/two.key\"")];
        "a damaged certificate": [Certificates, File("one.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), Config("[tls]\ncertificate_file = \"{F}/one.pem\"\nkey_file = \"{F}/one.key\"")];
        "a damaged key": [Certificates, File("one.key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), Mode("one.key", 0o600), Config("[tls]\ncertificate_file = \"{F}/one.pem\"\nkey_file = \"{F}/one.key\"")];
        "an authority of issuers that isn't there": [Config("logins.extra_ca_file = \"{F}/none.pem\"")];
        "an authority of issuers without a certificate": [Certificates, Config("logins.extra_ca_file = \"{F}/one.key\"")];
        "an authority of a database without a database": [Certificates, Config("database.ca_file = \"{F}/one.pem\"")];
    }
    "listeners" {
        "an address without a port": [Config("listen = \"127.0.0.1\"")];
        "a name in place of an address": [Config("listen = \"id.example.com:2646\"")];
        "a port that is too large": [Config("listen = \"127.0.0.1:99999\"")];
        "a port that is taken": [Bind, Run("serve --listen 127.0.0.1:{P} --data-dir {F}/data")];
        "two listeners on one port": [Config("listen = \"127.0.0.1:2646\"\nmanagement_listen = \"0.0.0.0:2646\"")];
        "an operator's address without a port": [Config("management_listen = \"10.0.0.1\"")];
        "all addresses without a public URL": [Certificates, Config("listen = \"0.0.0.0:2646\"\n[tls]\ncertificate_file = \"{F}/one.pem\"\nkey_file = \"{F}/one.key\"")];
        "plain HTTP for other machines": [Config("listen = \"0.0.0.0:2646\"\npublic_url = \"https://id.example.com\"")];
        "a public URL without TLS": [Certificates, Config("listen = \"0.0.0.0:2646\"\npublic_url = \"http://id.example.com\"\n[tls]\ncertificate_file = \"{F}/one.pem\"\nkey_file = \"{F}/one.key\"")];
        "a public URL with a query": [Config("public_url = \"https://id.example.com/?a=b\"")];
        "a public URL with a final slash": [Config("public_url = \"https://id.example.com/\"")];
        "a public URL with its default port": [Config("public_url = \"https://id.example.com:443\"")];
        "a public URL in upper case": [Config("public_url = \"https://ID.example.com\"")];
        "a public URL that is none": [Config("public_url = \"id.example.com\"")];
        "every address as a proxy": [Config("trusted_proxies = [\"0.0.0.0/0\"]")];
        "a header with another syntax": [Config("client_address_header = \"Forwarded\"")];
    }
    "issuers" {
        "an https issuer among the http ones": [Config("http_issuers = [\"https://login.example.com\"]")];
        "an http issuer with a query": [Config("http_issuers = [\"http://keycloak:8080/?a\"]")];
        "http issuers for other machines": [Config("listen = \"0.0.0.0:2646\"\npublic_url = \"https://id.example.com\"\nallow_http_issuers = true\n[unsafe]\nhttp_listener = true")];
        "an upstream without a URL": [Run("check-config --upstream login.example.com")];
        "an upstream that is no URL": [Config("upstreams = { \"login.example.com\" = \"127.0.0.1\" }")];
        "an upstream of a URL": [Config("upstreams = { \"https://login.example.com\" = \"http://127.0.0.1:1\" }")];
        "an issuer without a URL": [Config("[[issuers]]\nmax_token_lifetime_hours = 48")];
        "an issuer with a misspelt key": [Config("[[issuers]]\nurl = \"https://a.example\"\njwks = \"x\"")];
        "an issuer that is there twice": [Config("[[issuers]]\nurl = \"https://a.example\"\nmax_token_lifetime_hours = 48\n[[issuers]]\nurl = \"https://a.example\"\nmax_token_lifetime_hours = 48")];
        "a key set that isn't there": [Config("[[issuers]]\nurl = \"https://a.example\"\njwks_file = \"{F}/none.json\"")];
        "a key set that is none": [File("keys.json", b"{}"), Config("[[issuers]]\nurl = \"https://a.example\"\njwks_file = \"{F}/keys.json\"")];
        "a key set with a private key": [File("keys.json", br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}]}"#), Config("[[issuers]]\nurl = \"https://a.example\"\njwks_file = \"{F}/keys.json\"")];
        "a lifetime for all issuers that is too long": [Config("logins.max_token_lifetime_hours = 48")];
        "a private network that is none": [Config("logins.private_networks = [\"10.0.0.0/33\"]")];
        "the metadata addresses as a private network": [Config("logins.private_networks = [\"169.254.169.254/32\"]")];
        "a public network as a private one": [Config("logins.private_networks = [\"8.8.8.0/24\"]")];
    }
    "routes and seeds" {
        "a route without a role": [Config("[[credentials.route]]\nregion = \"eu-west-1\"")];
        "a route without an STS": [Config("[[credentials.route]]\nrole = \"arn:aws:iam:::role/*\"")];
        "a role that is no pattern": [Config("[[credentials.route]]\nrole = \"reader\"\nregion = \"eu-west-1\"")];
        "a misspelt key of a route": [Config("[[credentials.route]]\nrole = \"arn:aws:iam:::role/*\"\nendpont = \"https://rgw.example.net\"")];
        "an STS of another scheme": [Config("[[credentials.route]]\nrole = \"arn:aws:iam:::role/*\"\nendpoint = \"ftp://rgw.example.net\"")];
        "an STS without TLS elsewhere": [Config("allow_http_issuers = true\n[[credentials.route]]\nrole = \"arn:aws:iam:::role/*\"\nendpoint = \"http://rgw.example.net\"")];
        "an STS without TLS here": [Config("[[credentials.route]]\nrole = \"arn:aws:iam:::role/*\"\nendpoint = \"http://127.0.0.1:9000\"")];
        "a session policy without an audience": [Config("[[credentials.route]]\nrole = \"arn:aws:iam:::role/*\"\nendpoint = \"https://rgw.example.net\"\nsession_policy = '{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"*\"}}'")];
        "a session policy that isn't JSON": [Config("[[credentials.route]]\nrole = \"arn:aws:iam:::role/*\"\nendpoint = \"https://rgw.example.net\"\naudience = \"rgw\"\nsession_policy = 'allow all'")];
        "a table of one route": [Config("[credentials.route]\nrole = \"arn:aws:iam:::role/*\"")];
        "a file of routes that isn't there": [Variable("COGNATE_CREDENTIALS_ROUTE", "/none/routes.toml")];
        "a seed that isn't there": [Config("seeds = [\"{F}/none.toml\"]")];
        "a seed that is neither TOML nor JSON": [File("seed.toml", b"pools:\n"), Config("seeds = [\"{F}/seed.toml\"]")];
        "a seed with a misspelt member": [File("seed.toml", b"[[pool]]\nIdentityPoolName = \"a\"\n"), Config("seeds = [\"{F}/seed.toml\"]")];
        "a seed that is there twice": [File("seed.toml", b""), Config("seeds = [\"{F}/seed.toml\", \"{F}/seed.toml\"]")];
    }
}

/// A data directory that a server made, served from and closed.
fn used(folder: &Path) -> PathBuf {
    let data = folder.join("data");
    let mut server = Command::new(env!("CARGO_BIN_EXE_cognate"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(&data)
        .env_clear()
        .env("COGNATE_DRAIN_DELAY", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a server");
    let mut out = server.stdout.take().expect("a pipe");
    let (mut text, mut piece) = (String::new(), [0; 1024]);
    while !text.contains("  Data   ") {
        let length = out.read(&mut piece).expect("its lines");
        assert!(length > 0, "it ended: {text}");
        text.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    let id = i32::try_from(server.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(id.expect("an id"), rustix::process::Signal::TERM)
        .expect("a signal");
    assert!(server.wait().expect("an end").success());
    data
}

fn path_in(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    let parent = path.parent().expect("a folder");
    fs::create_dir_all(parent).expect("a folder");
    path
}

impl Mistake {
    /// Makes the mistake, and returns what the program says.
    fn make(&self, used: &Path) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let mut words = "check-config".to_owned();
        let (mut variables, mut bound, mut has_config) = (BTreeMap::new(), None, false);
        let filled = |text: &str| text.replace("{F}", &folder.display().to_string());
        for step in &self.steps {
            match step {
                Run(arguments) => (*arguments).clone_into(&mut words),
                Config(text) => {
                    fs::write(folder.join("cognate.toml"), filled(text) + "\n").expect("a file");
                    has_config = true;
                }
                Variable(name, value) => {
                    variables.insert(*name, *value);
                }
                File(name, bytes) => fs::write(path_in(folder, name), bytes).expect("a file"),
                Mode(name, mode) => {
                    let mode = Permissions::from_mode(*mode);
                    fs::set_permissions(folder.join(name), mode).expect("a file");
                }
                Remove(name) => fs::remove_file(folder.join(name)).expect("a file"),
                Link(to, name) => {
                    fs::rename(folder.join(name), folder.join(to)).expect("a file");
                    symlink(folder.join(to), folder.join(name)).expect("a link");
                }
                Used => {
                    fs::create_dir(folder.join("data")).expect("a folder");
                    let private = Permissions::from_mode(0o700);
                    fs::set_permissions(folder.join("data"), private).expect("a folder");
                    for entry in fs::read_dir(used).expect("a folder") {
                        let entry = entry.expect("a file");
                        let to = folder.join("data").join(entry.file_name());
                        fs::copy(entry.path(), to).expect("a copy");
                    }
                }
                Certificates => {
                    for name in ["one", "two"] {
                        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
                        let made = made.expect("a certificate");
                        let key = folder.join(format!("{name}.key"));
                        fs::write(folder.join(format!("{name}.pem")), made.cert.pem())
                            .expect("a file");
                        fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
                        fs::set_permissions(key, Permissions::from_mode(0o600)).expect("a file");
                    }
                }
                Bind => bound = std::net::TcpListener::bind("127.0.0.1:0").ok(),
            }
        }
        let port = bound
            .as_ref()
            .map(|bound| bound.local_addr().expect("an address").port().to_string());
        let port = port.unwrap_or_default();
        let words = filled(&words).replace("{P}", &port);
        let mut command = Command::new(env!("CARGO_BIN_EXE_cognate"));
        command
            .args(words.split(' '))
            .env_clear()
            .envs(variables)
            .current_dir(folder);
        if has_config {
            command.arg("--config").arg(folder.join("cognate.toml"));
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program");
        end(&mut child, self.name);
        let output = child.wait_with_output().expect("its output");
        let out = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{}: no mistake: {out}", self.name);
        assert!(!out.contains("panicked"), "{}: {out}", self.name);
        let said = said(&out).replace(&folder.display().to_string(), "DIR");
        if port.is_empty() {
            said
        } else {
            said.replace(&port, "PORT")
        }
    }
}

/// Waits for the end of a program that should refuse to start.
#[expect(
    clippy::disallowed_methods,
    reason = "the test waits for processes on threads of its own"
)]
fn end(child: &mut Child, name: &str) {
    let began = Instant::now();
    while child.try_wait().expect("a program").is_none() {
        if began.elapsed() > Duration::from_secs(20) {
            let _ = child.kill();
            panic!("{name}: it doesn't end");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// The messages with their advice, without the excerpts of files and without warnings.
fn said(out: &str) -> String {
    let mut all = Vec::new();
    for line in out.lines() {
        let line = line
            .trim()
            .trim_start_matches(['│', '╰', '─', '▶', '×', '├'])
            .trim();
        let starts = ["help: ", "cognate: ", "because ", "error: ", "tip: "];
        let is_marked = out.lines().any(|one| {
            one.trim_start().starts_with('×') && one.trim().trim_start_matches('×').trim() == line
        });
        if is_marked || starts.iter().any(|start| line.starts_with(start)) {
            all.push(line.replace('|', "\\|").replace('\n', " "));
        }
    }
    all.retain(|line| !line.ends_with("in the configuration"));
    all.join(" / ")
}

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/mistakes.md")
}

#[test]
fn every_mistake_of_the_table_is_refused_with_the_message_of_its_row() {
    let template = tempfile::tempdir().expect("a folder");
    let used = used(template.path());
    let (mistakes, next) = (mistakes(), AtomicUsize::new(0));
    let rows = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(mistake) = mistakes.get(at) else {
                        return;
                    };
                    let said = mistake.make(&used);
                    assert!(!said.is_empty(), "{}: nothing is said", mistake.name);
                    let row = format!("| {} | {} | `` {said} `` |", mistake.area, mistake.name);
                    rows.lock().expect("no panic").insert(at, row);
                }
            });
        }
    });
    let rows: Vec<_> = rows.into_inner().expect("no panic").into_values().collect();
    assert_eq!(rows.len(), mistakes.len());
    let text = fs::read_to_string(document()).unwrap_or_default();
    let documented: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| area"))
        .collect();
    for row in &rows {
        assert!(
            documented.contains(&row.as_str()),
            "docs/mistakes.md lacks the row\n{row}\nof\n{}",
            rows.join("\n")
        );
    }
    assert_eq!(
        documented.len(),
        rows.len(),
        "rows of mistakes that are not made"
    );
}

#[test]
fn every_area_has_ten_mistakes_with_names_of_their_own() {
    let mut areas: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for mistake in mistakes() {
        areas.entry(mistake.area).or_default().push(mistake.name);
    }
    assert_eq!(areas.len(), 7);
    for (area, mut names) in areas {
        assert!(names.len() >= 10, "{area} has {}", names.len());
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{area}");
    }
}
