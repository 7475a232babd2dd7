//! The paths of container credentials. Everything is in the path, because some SDKs lose a query or change its order.

use percent_encoding::percent_decode;

use crate::error::{Code, Error};

/// The forms of the paths, for people.
const FORMS: &str = "/credentials/POOL[/ROLE[/SECONDS]], /guest-credentials/POOL and /role-credentials/ROLE[/SECONDS]";

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CredentialsPath {
    /// An identity of a pool: `/credentials/POOL[/ROLE[/SECONDS]]`.
    Identity {
        pool: String,
        role: Option<String>,
        seconds: Option<i64>,
    },
    /// A new guest of a pool: `/guest-credentials/POOL`.
    Guest { pool: String },
    /// A role for a workload: `/role-credentials/ROLE[/SECONDS]`.
    Role { role: String, seconds: Option<i64> },
}

impl CredentialsPath {
    /// Parses a path as it was sent. A lost or doubled segment never makes a shorter path: it makes a path that doesn't exist.
    pub(super) fn parse(path: &str) -> Result<Self, Error> {
        let mut parts = path.strip_prefix('/').unwrap_or(path).split('/');
        let form = parts.next().unwrap_or_default();
        let parts = parts.map(segment).collect::<Option<Vec<_>>>();
        let parts = parts.ok_or_else(unknown)?;
        let mut parts = parts.into_iter();
        let (first, second, third) = (parts.next(), parts.next(), parts.next());
        if parts.next().is_some() {
            return Err(unknown());
        }
        let parsed = match (form, first, second, third) {
            ("credentials", Some(pool), role, seconds) => Self::Identity {
                pool,
                role,
                seconds: duration(seconds)?,
            },
            ("guest-credentials", Some(pool), None, None) => Self::Guest { pool },
            ("role-credentials", Some(role), seconds, None) => Self::Role {
                role,
                seconds: duration(seconds)?,
            },
            _ => return Err(unknown()),
        };
        Ok(parsed)
    }
}

/// A segment, percent-decoded once. Only the characters of pools' ids and of roles' names are accepted, so that a segment that
/// was encoded twice, or that hides another segment, is none.
fn segment(written: &str) -> Option<String> {
    let decoded = percent_decode(written.as_bytes()).decode_utf8().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-:+=,@".contains(&byte);
    let is_plain = !decoded.is_empty() && decoded.bytes().all(plain);
    let is_dots = matches!(decoded.as_ref(), "." | "..");
    (is_plain && !is_dots).then(|| decoded.into_owned())
}

fn duration(segment: Option<String>) -> Result<Option<i64>, Error> {
    let Some(text) = segment else { return Ok(None) };
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let seconds = text.parse().ok().filter(|_| is_number);
    match seconds {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(Code::Validation.because(
            "The last part of the path is a number of seconds. A role is named without its path.",
        )),
    }
}

fn unknown() -> Error {
    Code::UnknownOperation.because(format!(
        "There are no container credentials at this path. The paths are {FORMS}, without a slash at the end."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: &str = "eu-west-1:00000000-0000-4000-8000-000000000001";

    fn status(path: &str) -> u16 {
        use crate::error::Dialect::Container;
        CredentialsPath::parse(path)
            .map_or_else(|error| error.code.on_the_wire(Container).1, |_| 200)
    }

    #[test]
    fn each_way_of_writing_a_path_is_read_once() {
        let identity = |role: Option<&str>, seconds| CredentialsPath::Identity {
            pool: POOL.to_owned(),
            role: role.map(str::to_owned),
            seconds,
        };
        // botocore and Go send the path as it is; the SDK for C++ encodes the colon.
        for pool in [POOL, &POOL.replace(':', "%3A"), &POOL.replace(':', "%3a")] {
            let of = |rest: &str| CredentialsPath::parse(&format!("/credentials/{pool}{rest}"));
            assert_eq!(of("").unwrap(), identity(None, None));
            assert_eq!(of("/Build").unwrap(), identity(Some("Build"), None));
            assert_eq!(of("/B%75ild").unwrap(), identity(Some("Build"), None));
            assert_eq!(of("/a%2Bb/900").unwrap(), identity(Some("a+b"), Some(900)));
            assert_eq!(of("/a+b/900").unwrap(), identity(Some("a+b"), Some(900)));
        }
        let role = CredentialsPath::parse("/role-credentials/Build/3600").unwrap();
        let build = || "Build".to_owned();
        let expected = CredentialsPath::Role {
            role: build(),
            seconds: Some(3600),
        };
        assert_eq!(role, expected);
    }

    #[test]
    fn a_lost_doubled_or_hidden_segment_is_no_path() {
        let pool = format!("/credentials/{POOL}");
        for path in [
            "/credentials".to_owned(),
            "/credentials/".to_owned(),
            format!("/credentials//{POOL}"),
            format!("{pool}/"),
            format!("{pool}//Build"),
            format!("{pool}/Build/"),
            format!("{pool}/Build/900/"),
            format!("{pool}/Build/900/x"),
            format!("{pool}/."),
            format!("{pool}/.."),
            format!("{pool}/%2e%2E"),
            format!("{pool}/../{POOL}"),
            format!("{pool}%2FBuild"),
            format!("{pool}/a%2Fb"),
            format!("{pool}/a%252Fb"),
            format!("{pool}/a%25"),
            format!("{pool}/a%5Cb"),
            format!("{pool}/a%00"),
            format!("{pool}/a%0A"),
            format!("{pool}/a%"),
            format!("{pool}/a%zz"),
            format!("{pool}/%C3%A9"),
            format!("{pool}/%FF"),
            format!("{pool};x"),
            pool.replace(':', "%253A"),
            "/guest-credentials".to_owned(),
            "/guest-credentials/".to_owned(),
            format!("/guest-credentials/{POOL}/Build"),
            "/role-credentials".to_owned(),
            "/role-credentials/".to_owned(),
            "/role-credentials/Build/".to_owned(),
            "/role-credentials/Build/900/900".to_owned(),
        ] {
            assert_eq!(status(&path), 404, "{path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn an_accepted_path_has_the_segments_that_it_shows(path in "/?(credentials|role-credentials|x)?([/%.a-c0-9:%2F%00]{0,40})") {
            let Ok(parsed) = CredentialsPath::parse(&path) else { return Ok(()) };
            let segments = match parsed {
                CredentialsPath::Identity { pool, role, seconds } => {
                    1 + usize::from(role.is_some()) + usize::from(seconds.is_some()) + usize::from(pool.is_empty()) * 9
                }
                CredentialsPath::Guest { .. } => 1,
                CredentialsPath::Role { seconds, .. } => 1 + usize::from(seconds.is_some()),
            };
            proptest::prop_assert_eq!(path.trim_start_matches('/').split('/').count(), 1 + segments, "{}", path);
        }
    }

    #[test]
    fn a_duration_that_is_no_number_is_refused() {
        for seconds in [
            "x",
            "900s",
            "-900",
            "+900",
            "0900",
            "9e2",
            "99999999999999999999",
        ] {
            let path = format!("/credentials/{POOL}/Build/{seconds}");
            assert_eq!(status(&path), 400, "{path}");
        }
    }
}
