//! A server in this process, and everything that a test needs to talk to it.

use std::net::{SocketAddr, TcpListener};
use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, Once};

use cognate::ambient::{Ambient, Still};
use cognate::app::{self, App};
use cognate::config::{Config, Environment, Flags, read_file};
use cognate::sigv4::{self, SecretKey, Signer};
use cognate::store::Store;
use cognate::store::event::{GuestHash, Origin};
use cognate::store::identities::{PoolRef, PoolVersion};
use cognate::store::record::RecordKind;
use cognate::store::sqlite::SqliteStore;
use cognate::wire::{ConnectionLimits, Front, Listener};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::Url;
use serde_json::{Value, json};
use tempfile::TempDir;

mod binary;
mod crowd;
mod database;
mod declared;
mod developer;
pub mod http2;
#[path = "../../../src/logins/fake/identity_provider.rs"]
pub mod idp;
pub mod in_memory;
mod issuer;
mod lasting;
mod log;
mod nursery;
mod saying;
#[path = "../../../src/logins/fake/service_key.rs"]
pub mod service_key;
mod stand_in;
mod two;

pub use binary::{Ended, Running, Start, is_full, real_token, release_build};
pub use developer::{DEVELOPER, Given, assumed, part, part_text, without_origin};
pub use issuer::{Issuer, Key, claims};
pub use log::Log;
pub use saying::USER_POOL;
pub use stand_in::{Asked, Mood, StandIn};
pub use two::Two;

pub const ACCOUNT: &str = "123456789012";
pub const REGION: &str = "eu-west-1";
pub const GUEST_ROLE: &str = "arn:aws:iam::123456789012:role/Guest";
pub const USER_ROLE: &str = "arn:aws:iam::123456789012:role/User";

/// An access key that signs requests.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub id: String,
    pub secret: String,
    pub session_token: Option<String>,
}

impl Credentials {
    pub fn root() -> Self {
        Self {
            id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            session_token: None,
        }
    }

    /// The `Credentials` member of an answer, of either service.
    pub fn of(answer: &Value) -> Self {
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        Self {
            id: text("AccessKeyId").expect("an access key id"),
            secret: text("SecretKey")
                .or(text("SecretAccessKey"))
                .expect("a secret key"),
            session_token: text("SessionToken"),
        }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        #[expect(
            clippy::disallowed_methods,
            reason = "a test reads what the server wrote"
        )]
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The answer of a call that must succeed.
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        if self.text.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// Status, code and text of a call that must fail, as the body and the headers agree on them.
    pub fn error(&self) -> (u16, String, String) {
        let body = self.json();
        let code = body["__type"]
            .as_str()
            .expect("an error has a type")
            .to_owned();
        let text = body["message"]
            .as_str()
            .or(body["Message"].as_str())
            .unwrap_or_default()
            .to_owned();
        assert_eq!(self.header("x-amzn-errortype"), Some(format!("{code}:")));
        assert_eq!(
            self.header("content-type").as_deref(),
            Some("application/x-amz-json-1.1")
        );
        (self.status, code, text)
    }

    /// That the call failed with this code and text, and status 400.
    #[track_caller]
    pub fn refused(&self, code: &str, text: &str) {
        assert_eq!(self.error(), (400, code.to_owned(), text.to_owned()));
    }

    pub fn header(&self, name: &str) -> Option<String> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("a printable header").to_owned())
    }

    /// What stands between the tags `name`, the first time, in an XML answer.
    pub fn xml(&self, name: &str) -> Option<String> {
        let (_, rest) = self.text.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>"))
            .map(|(text, _)| text.to_owned())
    }

    /// That the call failed in the Query protocol.
    #[track_caller]
    pub fn query_refused(&self, status: u16, code: &str, text: &str) {
        let unescaped = self.xml("Message").map(|text| {
            text.replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&apos;", "'")
                .replace("&amp;", "&")
        });
        let found = (self.status, self.xml("Code"), unescaped);
        assert_eq!(
            found,
            (status, Some(code.to_owned()), Some(text.to_owned())),
            "{}",
            self.text
        );
    }
}

/// A server's front door, as a client sees it.
pub struct Door {
    pub base: String,
    pub client: reqwest::Client,
    root: Credentials,
    ambient: Arc<dyn Ambient>,
}

/// A server, its clock and its client.
pub struct World {
    pub app: Arc<App>,
    pub store: Arc<dyn Store>,
    pub clock: Arc<Still>,
    pub folder: Arc<TempDir>,
    door: Door,
    serving: tokio::task::JoinHandle<()>,
}

impl Deref for World {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Serves, with the usual limits, until this future is dropped.
pub async fn serve(front: Arc<Front>, socket: tokio::net::TcpListener) {
    let listener = Listener {
        socket,
        tls: None,
        limits: ConnectionLimits::for_files(u64::MAX),
    };
    front.serve(listener, std::future::pending()).await;
}

/// The moment at which a world begins.
pub fn beginning() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("a moment")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own client has no fences"
)]
pub fn client() -> reqwest::Client {
    static PROVIDERS: Once = Once::new();
    PROVIDERS.call_once(cognate::cli::install_crypto);
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
}

impl World {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A world whose configuration lets users of a pool administer pools, as far as their roles allow it.
    pub async fn with_administering_users(flags: impl FnOnce(&mut Flags)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("cognate.toml");
        std::fs::write(&file, "[sessions]\nadminister_pools = true\n").expect("a file");
        Self::with(|all| {
            all.config = Some(file);
            flags(all);
        })
        .await
    }

    /// A world whose server was started with more flags.
    pub async fn with(flags: impl FnOnce(&mut Flags)) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        nursery::furnish(folder.path()).await;
        Self::open(folder, Arc::new(Still::at(beginning())), flags).await
    }

    /// A world on a data directory and a clock that may have been used before.
    pub async fn open(
        folder: Arc<TempDir>,
        clock: Arc<Still>,
        flags: impl FnOnce(&mut Flags),
    ) -> Self {
        let config = config(folder.path(), flags);
        Self::of(config, folder, clock).await
    }

    /// A world with this configuration.
    pub async fn of(config: Config, folder: Arc<TempDir>, clock: Arc<Still>) -> Self {
        let store = open_store(&config.data_dir).await;
        Self::on(store, config, folder, clock).await
    }

    /// One of the servers of a store, with the master key of every new world.
    pub async fn of_store(store: Arc<dyn Store>) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        nursery::furnish(folder.path()).await;
        let config = config(folder.path(), |_| {});
        Self::on(store, config, folder, Arc::new(Still::at(beginning()))).await
    }

    async fn on(
        store: Arc<dyn Store>,
        config: Config,
        folder: Arc<TempDir>,
        clock: Arc<Still>,
    ) -> Self {
        let client = client();
        let listener = TcpListener::bind(config.listen).expect("a port");
        listener
            .set_nonblocking(true)
            .expect("a listener that doesn't block");
        let address: SocketAddr = listener.local_addr().expect("an address");
        let public_url = config.public_url_for(address);
        let ambient: Arc<dyn Ambient> = clock.clone();
        let opened = app::open::open_with(config, ambient, public_url, Arc::clone(&store))
            .await
            .expect("a house that opens");
        let app = Arc::new(opened.app);
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let front = Front::new(Arc::clone(&app), metrics);
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        let serving = tokio::spawn(serve(front, listener));
        let door = Door::new(format!("http://{address}"), client, clock.clone());
        Self {
            app,
            store,
            clock,
            folder,
            door,
            serving,
        }
    }

    /// Stops this server and starts another on the same data.
    pub async fn restart(self) -> Self {
        cognate::app::maintenance::close(&self.app).await;
        let (folder, clock) = (Arc::clone(&self.folder), Arc::clone(&self.clock));
        drop(self);
        Self::open(folder, clock, |_| {}).await
    }

    /// The version of a record, by its kind and key.
    pub async fn version(&self, kind: RecordKind, key: &str) -> u64 {
        let found = self
            .store
            .record(kind, key)
            .await
            .expect("a store that answers");
        found.expect("a record").version
    }

    /// A pool as a question to the store names it.
    pub async fn pool_version(&self, id: uuid::Uuid) -> PoolVersion {
        let found = self.store.record(RecordKind::Pool, &id.to_string()).await;
        let found = found.expect("a store that answers").expect("a pool");
        #[expect(
            clippy::disallowed_methods,
            reason = "a test reads what the server wrote"
        )]
        let pool: Value = serde_json::from_str(&found.json.expect("a live record")).expect("JSON");
        let incarnation = pool["incarnation"].as_u64().expect("an incarnation");
        PoolVersion {
            pool: PoolRef { id, incarnation },
            version: found.version,
        }
    }

    /// The origin of what a test writes past the server.
    pub fn origin(&self) -> Origin {
        Origin {
            signer: "test".to_owned(),
            operation: "Test",
            request_id: self.clock.uuid(),
            at: self.clock.now(),
            guests: GuestHash::new(&[0; 32]),
        }
    }

    pub fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn now(&self) -> i64 {
        self.clock.now().as_second()
    }
}

/// The store of a data directory, which is made: the embedded one unless a database is asked for.
async fn open_store(data_dir: &Path) -> Arc<dyn Store> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir);
    made.expect("a data directory");
    if database::is_wanted() {
        return database::open(data_dir).await;
    }
    Arc::new(SqliteStore::open(data_dir).expect("a store"))
}

impl Door {
    /// The door at `base`, for the usual root key; requests are signed at the moment that `ambient` says.
    pub fn new(base: String, client: reqwest::Client, ambient: Arc<dyn Ambient>) -> Self {
        Self {
            base,
            client,
            root: Credentials::root(),
            ambient,
        }
    }

    /// Sends whatever it is given.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: HeaderMap,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let answer = self.try_send(method, path, headers, body).await;
        answer.expect("an answer")
    }

    /// As [`Door::send`], to a server that may be gone.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: HeaderMap,
        body: impl Into<reqwest::Body>,
    ) -> reqwest::Result<Answer> {
        let method = method.parse().expect("a method");
        let url = format!("{}{path}", self.base);
        let response = self
            .client
            .request(method, url)
            .headers(headers)
            .body(body)
            .send()
            .await?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await?,
        })
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, HeaderMap::new(), "").await
    }

    /// A call without a signature.
    pub async fn public(&self, operation: &str, input: Value) -> Answer {
        self.try_public(operation, input).await.expect("an answer")
    }

    /// As [`Door::public`], to a server that may be gone.
    pub async fn try_public(&self, operation: &str, input: Value) -> reqwest::Result<Answer> {
        let headers = json_headers(&target_of(operation));
        let answer = self
            .try_send("POST", "/", headers, input.to_string())
            .await?;
        declared::check(operation, &answer);
        Ok(answer)
    }

    /// A call signed by the root key.
    pub async fn admin(&self, operation: &str, input: Value) -> Answer {
        self.signed(&self.root, operation, input).await
    }

    /// A call signed by `who`.
    pub async fn signed(&self, who: &Credentials, operation: &str, input: Value) -> Answer {
        self.signed_for(REGION, who, operation, input).await
    }

    /// A call signed by the root key for a region.
    pub async fn admin_of(&self, region: &str, operation: &str, input: Value) -> Answer {
        self.signed_for(region, &self.root, operation, input).await
    }

    async fn signed_for(
        &self,
        region: &str,
        who: &Credentials,
        operation: &str,
        input: Value,
    ) -> Answer {
        let body = input.to_string();
        let headers = json_headers(&target_of(operation));
        let headers = self.sign_for(region, who, "cognito-identity", headers, &body);
        let answer = self.send("POST", "/", headers, body).await;
        declared::check(operation, &answer);
        answer
    }

    /// `headers` with those of a signature.
    pub fn sign(
        &self,
        who: &Credentials,
        service: &str,
        headers: HeaderMap,
        body: &str,
    ) -> HeaderMap {
        self.sign_for(REGION, who, service, headers, body)
    }

    fn sign_for(
        &self,
        region: &str,
        who: &Credentials,
        service: &str,
        headers: HeaderMap,
        body: &str,
    ) -> HeaderMap {
        self.sign_parts(("POST", ""), region, who, service, headers, body)
    }

    /// A call in the Query protocol with its parameters in the URL, signed by `who` in the header.
    pub async fn signed_url(
        &self,
        method: &str,
        who: &Credentials,
        service: &str,
        parameters: &[(&str, &str)],
    ) -> Answer {
        let query = form(parameters).replace('+', "%20");
        let headers = HeaderMap::new();
        let headers = self.sign_parts((method, &query), REGION, who, service, headers, "");
        self.send(method, &format!("/?{query}"), headers, "").await
    }

    fn sign_parts(
        &self,
        (method, query): (&str, &str),
        region: &str,
        who: &Credentials,
        service: &str,
        mut headers: HeaderMap,
        body: &str,
    ) -> HeaderMap {
        let (_, host) = self.base.split_once("://").expect("a URL");
        headers.insert("host", HeaderValue::from_str(host).expect("a host"));
        let secret = SecretKey::new(who.secret.clone());
        let signer = Signer {
            access_key_id: &who.id,
            secret: &secret,
            session_token: who.session_token.as_deref(),
            region,
            service,
        };
        let request = sigv4::Request {
            method,
            path: "/",
            query,
            authority: None,
            headers: &headers,
            body: body.as_bytes(),
        };
        let added = sigv4::sign(&request, &signer, self.ambient.now()).expect("a signature");
        headers.extend(added);
        headers
    }

    /// A call in the Query protocol without a signature.
    pub async fn query(&self, parameters: &[(&str, &str)]) -> Answer {
        self.send("POST", "/", form_headers(), form(parameters))
            .await
    }

    /// A call in the Query protocol signed by `who`.
    pub async fn signed_query(
        &self,
        who: &Credentials,
        service: &str,
        parameters: &[(&str, &str)],
    ) -> Answer {
        let body = form(parameters);
        let headers = self.sign(who, service, form_headers(), &body);
        self.send("POST", "/", headers, body).await
    }

    /// An IAM action by the root key.
    pub async fn iam(&self, action: &str, parameters: &[(&str, &str)]) -> Answer {
        let mut all = vec![("Action", action), ("Version", "2010-05-08")];
        all.extend(parameters);
        self.signed_query(&self.root, "iam", &all).await
    }

    /// An STS action without a signature.
    pub async fn sts(&self, action: &str, parameters: &[(&str, &str)]) -> Answer {
        let mut all = vec![("Action", action), ("Version", "2011-06-15")];
        all.extend(parameters);
        self.query(&all).await
    }

    /// Makes a pool with roles, guests allowed unless `more` says otherwise; gives its id.
    pub async fn pool(&self, more: Value) -> String {
        let mut input =
            json!({ "IdentityPoolName": "A pool", "AllowUnauthenticatedIdentities": true });
        for (name, value) in more.as_object().expect("members of a pool") {
            input[name] = value.clone();
        }
        let pool = self.admin("CreateIdentityPool", input).await.ok();
        let id = pool["IdentityPoolId"]
            .as_str()
            .expect("a pool id")
            .to_owned();
        let roles = json!({ "authenticated": USER_ROLE, "unauthenticated": GUEST_ROLE });
        self.admin(
            "SetIdentityPoolRoles",
            json!({ "IdentityPoolId": id, "Roles": roles }),
        )
        .await
        .ok();
        id
    }

    /// Registers an issuer with these client ids; gives its ARN.
    pub async fn register(&self, issuer: &Issuer, clients: &[&str]) -> String {
        let names: Vec<String> = (1..=clients.len())
            .map(|at| format!("ClientIDList.member.{at}"))
            .collect();
        let mut parameters: Vec<(&str, &str)> = vec![("Url", issuer.url())];
        parameters.extend(
            names
                .iter()
                .map(String::as_str)
                .zip(clients.iter().copied()),
        );
        let answer = self.iam("CreateOpenIDConnectProvider", &parameters).await;
        answer
            .xml("OpenIDConnectProviderArn")
            .unwrap_or_else(|| panic!("{}", answer.text))
    }

    /// A pool that takes tokens of `issuer` for the client `app`.
    pub async fn pool_of(&self, issuer: &Issuer) -> String {
        let arn = self.register(issuer, &["app"]).await;
        self.pool(json!({ "OpenIdConnectProviderARNs": [arn] }))
            .await
    }

    pub async fn get_id(&self, pool: &str, logins: Value) -> Answer {
        self.public("GetId", json!({ "IdentityPoolId": pool, "Logins": logins }))
            .await
    }

    /// The identity of a login, or a new guest.
    pub async fn identity(&self, pool: &str, logins: Value) -> String {
        let answer = self.get_id(pool, logins).await.ok();
        answer["IdentityId"]
            .as_str()
            .expect("an identity id")
            .to_owned()
    }

    pub async fn credentials(&self, identity: &str, logins: Value) -> Answer {
        let input = json!({ "IdentityId": identity, "Logins": logins });
        self.public("GetCredentialsForIdentity", input).await
    }
}

/// The variables of the limits on rates. In a world they are off: its clock stands still, so that they would stay reached.
pub const NO_RATES: [&str; 4] = [
    "COGNATE_LIMITS_REQUESTS_PER_ADDRESS_PER_SECOND",
    "COGNATE_LIMITS_GUESTS_PER_ADDRESS_PER_MINUTE",
    "COGNATE_LIMITS_EXPENSIVE_PER_ADDRESS_PER_SECOND",
    "COGNATE_LIMITS_PER_POOL_PER_SECOND",
];

/// The configuration of a world's server.
pub fn config(folder: &Path, more: impl FnOnce(&mut Flags)) -> Config {
    let mut flags = Flags {
        listen: Some("127.0.0.1:0".into()),
        data_dir: Some(folder.join("data")),
        allow_http_issuers: true,
        ..Flags::default()
    };
    more(&mut flags);
    let root = Credentials::root();
    let no_rates = NO_RATES.map(|name| (name, "0".to_owned()));
    let environment: Environment = [
        ("COGNATE_ROOT_ACCESS_KEY_ID", root.id),
        ("COGNATE_ROOT_SECRET_ACCESS_KEY", root.secret),
    ]
    .into_iter()
    .chain(no_rates)
    .collect();
    Config::load(&flags, &environment, &read_file).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// The target of an operation; Cognate's own are named with their prefix.
fn target_of(operation: &str) -> String {
    if operation.contains('.') {
        operation.to_owned()
    } else {
        format!("AWSCognitoIdentityService.{operation}")
    }
}

pub fn json_headers(target: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(
        "content-type",
        HeaderValue::from_static("application/x-amz-json-1.1"),
    );
    headers.insert(
        "x-amz-target",
        HeaderValue::from_str(target).expect("a target"),
    );
    headers
}

pub fn form_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
    headers.insert("content-type", form);
    headers
}

pub fn form(parameters: &[(&str, &str)]) -> String {
    Url::parse_with_params("http://x/", parameters)
        .expect("parameters")
        .query()
        .unwrap_or_default()
        .to_owned()
}

/// One login, as a `Logins` map.
pub fn login(issuer: &Issuer, token: &str) -> Value {
    json!({ issuer.name(): token })
}
