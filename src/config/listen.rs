//! The address that the server listens on, and the one for its operator.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::load::ParsedSettings;
use super::sections::SummaryLine;
use super::source::Sources;
use super::source::diagnostics::{Diagnostics, Parsed, ValueError, quoted};
use super::source::flags::Flags;
use super::source::setting::settings;
use super::source::value::{SettingValue, ValueOrigin};
use super::{Config, RunMode};

settings! {
    LISTEN = "listen" flag("--listen");
    MANAGEMENT_LISTEN = "management_listen";
    DRAIN_DELAY = "drain_delay";
}

pub(super) const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 2646);

pub(super) fn read(sources: &mut Sources<'_>, flags: &Flags) -> SettingValue<SocketAddr> {
    sources.string(LISTEN, flags.listen.as_deref(), parse)
}

/// The address of the listener for the operator, which serves the metrics and the health.
pub(super) fn read_management(sources: &mut Sources<'_>) -> SettingValue<SocketAddr> {
    sources.string(MANAGEMENT_LISTEN, None, parse)
}

/// Refuses two listeners on one port.
pub(super) fn cross_check(
    parsed: &ParsedSettings,
    listen: &ListenAddress<'_>,
    diagnostics: &mut Diagnostics,
) {
    let SettingValue::Set(management, origin) = &parsed.management_listen else {
        return;
    };
    let (ip, other) = (management.ip(), listen.address.ip());
    let overlaps = ip == other || ip.is_unspecified() || other.is_unspecified();
    if management.port() == 0 || management.port() != listen.address.port() || !overlaps {
        return;
    }
    let name = origin.name(MANAGEMENT_LISTEN);
    let what = format!(
        "{name}: {management} is the address of {}, {}",
        listen.name, listen.address
    );
    let error = ValueError::new(what, "choose another port for one of them");
    diagnostics.add_cross_check(&[Some(origin), listen.origin], error);
}

fn parse(text: &str) -> Parsed<SocketAddr> {
    // The name means this machine, and nothing has to be resolved for it.
    let port = text.strip_prefix("localhost:");
    let address = port.map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    address.parse().map_err(|_| {
        let what = format!("{} is not an IP address with a port", quoted(text));
        ValueError::new(
            what,
            "write it as 127.0.0.1:2646, localhost:2646 or [::1]:2646",
        )
    })
}

/// How long the server goes on serving after a signal to stop, while `/health` says that it is not ready. In seconds.
pub(super) fn read_drain_delay(sources: &mut Sources<'_>) -> SettingValue<u32> {
    sources.number(DRAIN_DELAY, &(0..=600))
}

/// The default of the drain delay: a load balancer looks every few seconds, and a developer waits for nothing.
pub(super) fn default_drain_delay(mode: RunMode) -> u32 {
    match mode {
        RunMode::Serve => 5,
        RunMode::Dev => 0,
    }
}

/// The listen address as the cross-checks need it.
pub(super) struct ListenAddress<'p> {
    pub(super) address: SocketAddr,
    /// The name of the setting as its source spells it.
    pub(super) name: String,
    /// `None` for the default.
    pub(super) origin: Option<&'p ValueOrigin>,
}

impl<'p> ListenAddress<'p> {
    /// The address that is set, or the default; `None` if the setting is invalid.
    pub(super) fn of(parsed: &'p ParsedSettings) -> Option<Self> {
        let (address, origin) = match &parsed.listen {
            SettingValue::Set(address, origin) => (*address, Some(origin)),
            SettingValue::Unset => (DEFAULT, None),
            SettingValue::Invalid => return None,
        };
        let name = origin.map_or_else(|| LISTEN.key.to_owned(), |origin| origin.name(LISTEN));
        Some(Self {
            address,
            name,
            origin,
        })
    }

    pub(super) fn is_loopback(&self) -> bool {
        self.address.ip().to_canonical().is_loopback()
    }

    /// Refuses an address beyond this machine.
    pub(super) fn check_loopback(&self, diagnostics: &mut Diagnostics) -> bool {
        let allowed = self.is_loopback();
        if !allowed {
            let what = format!(
                "{}: cognate dev listens on loopback addresses only, not on {}",
                self.name, self.address
            );
            let help = "add --expose to let other machines reach this development server (in a container, for example), \
                        set 127.0.0.1 or [::1], or run cognate serve";
            diagnostics.add_cross_check(&[self.origin], ValueError::new(what, help));
        }
        allowed
    }
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let scheme = if config.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let seconds = config.drain_delay.as_secs();
    let metrics = match config.management_listen {
        Some(address) => format!("{address} (http)"),
        None if config.listener_has_metrics() => "on the listener".to_owned(),
        None => "not served: set management_listen".to_owned(),
    };
    vec![
        ("listen", format!("{} ({scheme})", config.listen)),
        ("metrics", metrics),
        ("drain delay", format!("{seconds} seconds")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_number_and_has_a_port() {
        for good in ["127.0.0.1:2646", "[::1]:0", "0.0.0.0:80", "localhost:80"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "localhost",
            "localhost:",
            "LOCALHOST:2646",
            "a.localhost:2646",
            "127.0.0.1",
            ":2646",
            "2646",
            "::1:2646",
            "1.2.3.4:99999",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
