//! What the three operations on tags share: the pool of an ARN, and the tags that a pool may have.

use indexmap::IndexMap;

use crate::app::Call;
use crate::error::{Code, Error};
use crate::policy::Context;

/// How many tags a pool may have.
const MOST: usize = 50;

/// The id of the pool with this ARN, in this account and the region that the request was signed for.
pub(super) fn pool_of(call: &Call<'_>, arn: &str) -> Result<String, Error> {
    let invalid = || Code::InvalidParameter.because(format!("Invalid resource ARN: {arn}"));
    let mut parts = arn.splitn(6, ':');
    let mut part = || parts.next().ok_or_else(invalid);
    let (scheme, partition, service) = (part()?, part()?, part()?);
    let (region, account, resource) = (part()?, part()?, part()?);
    let pool = resource.strip_prefix("identitypool/").ok_or_else(invalid)?;
    let ours = scheme == "arn"
        && partition.starts_with("aws")
        && service == "cognito-identity"
        && account == call.app.config.account_id.as_str()
        && pool.starts_with(&format!("{region}:"));
    if ours {
        Ok(pool.to_owned())
    } else {
        Err(invalid())
    }
}

/// The condition keys of tags in a request.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncognitoidentity.html>
pub(super) fn context(tags: &IndexMap<String, String>, context: &mut Context) {
    for (key, value) in tags {
        context.set(&format!("aws:RequestTag/{key}"), value);
    }
    context.set_all("aws:TagKeys", tags.keys());
}

/// Refuses tags that no pool may have. <https://docs.aws.amazon.com/cognito/latest/developerguide/tagging.html>
pub(super) fn check(tags: &IndexMap<String, String>) -> Result<(), Error> {
    let refused = |text: String| Err(Code::InvalidParameter.because(text));
    let allowed = |letter: char| letter.is_alphanumeric() || " _.:/=+-@".contains(letter);
    if tags.len() > MOST {
        return refused(format!("A pool has at most {MOST} tags."));
    }
    if tags
        .keys()
        .any(|key| key.to_ascii_lowercase().starts_with("aws:"))
    {
        return refused("Tag keys must not begin with aws:".to_owned());
    }
    if tags
        .iter()
        .any(|(key, value)| !key.chars().chain(value.chars()).all(allowed))
    {
        return refused("Tags hold letters, digits, spaces and _ . : / = + - @ only.".to_owned());
    }
    Ok(())
}
