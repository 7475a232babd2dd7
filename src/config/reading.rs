//! Every setting, read from every source. Each is read on its own; what doesn't go together is found later.

use std::net::SocketAddr;
use std::path::PathBuf;

use jiff::SignedDuration;

use crate::model::ids::{AccountId, Region};

use super::access_key::{self, AccessKey, Names};
use super::document::Value;
use super::exception::Exception;
use super::flags::Flags;
use super::issuers::{self, KeyFile};
use super::lists::items_in;
use super::mistakes::Complaint;
use super::public_url::{self, PublicUrl};
use super::root::{self, Root};
use super::routes::{self, Route};
use super::said::Said;
use super::secret::Secret;
use super::settings as s;
use super::sources::Sources;
use super::upstream::{self, Upstream};
use super::{Limits, Log, LogFormat, Logins, Tls, values};

/// The names of the halves of the key for user pools.
const USER_POOLS: Names = Names {
    id: s::USER_POOLS_ACCESS_KEY_ID,
    secret: s::USER_POOLS_SECRET,
    secret_file: s::USER_POOLS_SECRET_FILE,
};

/// What the sources say about each setting; where nothing depends on who says it, the value itself.
pub(super) struct Reading {
    pub(super) listen: Said<SocketAddr>,
    pub(super) tls: Said<Tls>,
    pub(super) public_url: Said<PublicUrl>,
    pub(super) data_dir: Said<PathBuf>,
    pub(super) master_key_file: Said<PathBuf>,
    pub(super) account_id: Said<AccountId>,
    pub(super) regions: Said<Vec<Region>>,
    pub(super) upstreams: Said<Vec<Upstream>>,
    pub(super) allow_http_issuers: Said<bool>,
    pub(super) logins: Logins,
    pub(super) issuers: Said<Vec<KeyFile>>,
    pub(super) user_pools: Option<AccessKey>,
    pub(super) log: Log,
    pub(super) root: Root,
    pub(super) routes: Said<Vec<Route>>,
    pub(super) limits: Limits,
    pub(super) exceptions: Vec<(Exception, Said<bool>)>,
}

impl Reading {
    /// Asks the sources for everything.
    pub(super) fn of(sources: &mut Sources<'_>, flags: &Flags) -> Self {
        refuse_databases(sources, flags);
        let listen = flags.listen.as_deref();
        let public_url = flags.public_url.as_deref();
        let account_id = flags.account_id.as_deref();
        let key_file = flags.master_key_file.as_deref();
        Self {
            listen: sources.text(s::LISTEN, listen, values::listen),
            data_dir: sources.path(s::DATA_DIR, flags.data_dir.as_deref()),
            master_key_file: sources.path(s::MASTER_KEY_FILE, key_file),
            public_url: sources.text(s::PUBLIC_URL, public_url, public_url::parse),
            account_id: sources.text(s::ACCOUNT_ID, account_id, values::account_id),
            regions: regions(sources, flags),
            upstreams: upstreams(sources, flags),
            allow_http_issuers: sources.switch(s::ALLOW_HTTP_ISSUERS, flags.allow_http_issuers),
            tls: tls(sources),
            logins: logins(sources),
            issuers: issuers::read(sources),
            user_pools: access_key::read(sources, USER_POOLS),
            log: log(sources),
            root: root::read(sources),
            routes: routes::read(sources),
            limits: limits(sources),
            exceptions: Exception::ALL
                .map(|exception| (exception, sources.switch(exception.setting(), false)))
                .into(),
        }
    }
}

fn refuse_databases(sources: &mut Sources<'_>, flags: &Flags) {
    let flag = flags.database_url.as_ref().map(Secret::reveal);
    sources.text(s::DATABASE_URL, flag, values::database_url);
    sources.secret_file(s::DATABASE_URL_FILE, values::database_url);
}

fn regions(sources: &mut Sources<'_>, flags: &Flags) -> Said<Vec<Region>> {
    let in_file = |value: Value<'_>| items_in(value, values::region);
    sources.list(
        s::REGIONS,
        &flags.regions,
        Region::as_str,
        values::region,
        in_file,
    )
}

fn upstreams(sources: &mut Sources<'_>, flags: &Flags) -> Said<Vec<Upstream>> {
    let flags = &flags.upstreams;
    sources.list(
        s::UPSTREAMS,
        flags,
        Upstream::host,
        upstream::parse,
        upstream::table,
    )
}

fn tls(sources: &mut Sources<'_>) -> Said<Tls> {
    let certificate = sources.pem_file(s::TLS_CERTIFICATE_FILE, "CERTIFICATE", false);
    let key = sources.pem_file(s::TLS_KEY_FILE, "PRIVATE KEY", true);
    match (certificate, key) {
        (Said::This(certificate_file, origin), Said::This(key_file, _)) => {
            let tls = Tls {
                certificate_file,
                key_file,
            };
            return Said::This(tls, origin);
        }
        (Said::This(_, origin), Said::Nothing) => {
            sources.note_half(s::TLS_CERTIFICATE_FILE, &origin, s::TLS_KEY_FILE);
        }
        (Said::Nothing, Said::This(_, origin)) => {
            sources.note_half(s::TLS_KEY_FILE, &origin, s::TLS_CERTIFICATE_FILE);
        }
        (Said::Nothing, Said::Nothing) => match sources.document.table("tls") {
            Said::Nothing => return Said::Nothing,
            Said::This((), origin) if sources.document.is_whole() => {
                let what = "the table has neither certificate_file nor key_file";
                let complaint = Complaint::new(what, "set both, or leave [tls] out");
                sources.mistakes.note_named("tls", &origin, complaint);
            }
            Said::This(..) | Said::Rubbish => {}
        },
        _ => {}
    }
    Said::Rubbish
}

fn logins(sources: &mut Sources<'_>) -> Logins {
    let hours = sources.number(s::MAX_TOKEN_LIFETIME, &(1..=8760)).or(24);
    Logins {
        authorized_party_alone: sources.switch(s::AUTHORIZED_PARTY_ALONE, false).or(false),
        max_token_lifetime: SignedDuration::from_hours(hours.into()),
        extra_ca_file: sources
            .pem_file(s::EXTRA_CA_FILE, "CERTIFICATE", false)
            .into_value(),
    }
}

fn log(sources: &mut Sources<'_>) -> Log {
    let filter = sources.text(s::LOG_FILTER, None, values::log_filter);
    let format = sources.text(s::LOG_FORMAT, None, values::log_format);
    Log {
        filter: filter.or("info".to_owned()),
        format: format.or(LogFormat::Text),
    }
}

fn limits(sources: &mut Sources<'_>) -> Limits {
    let pools = sources.number(s::POOLS_PER_REGION, &(1..=1_000_000));
    Limits {
        pools_per_region: pools.into_value().map_or(1000, |pools| pools as usize),
    }
}
