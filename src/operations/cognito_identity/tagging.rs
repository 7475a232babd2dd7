//! What the three operations on tags share: the pool of an ARN, and the tags that a pool may have.

use indexmap::IndexMap;

use crate::app::Call;
use crate::app::access::condition_keys::RequestKeys;
use crate::app::access::resource::Resource;
use crate::error::{Code, Error};
use crate::model::ids::PoolId;
use crate::model::tags::{TagError, Tags};

/// How many tags a pool may have.
const MOST: usize = 50;

/// The id in the ARN of a pool of this account. No pool may have it.
pub(super) fn pool_of(call: &Call<'_>, arn: &str) -> Result<String, Error> {
    let id = PoolId::in_arn(arn, &call.app.config.account_id);
    let invalid = || Code::InvalidParameter.because(format!("Invalid resource ARN: {arn}"));
    Ok(id.ok_or_else(invalid)?.to_owned())
}

/// The pool with this ARN, for authorisation.
pub(super) fn resource(call: &Call<'_>, arn: &str) -> Resource {
    let account = &call.app.config.account_id;
    let id = PoolId::parse_arn(arn, account);
    id.map_or_else(Resource::any, |id| Resource::pool(&id, account))
}

/// The condition keys of tags in a request.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncognitoidentity.html>
pub(super) fn set_keys(tags: &IndexMap<String, String>, keys: &mut RequestKeys) {
    keys.set_tags(
        tags.iter()
            .map(|(key, value)| (key.as_str(), value.as_str())),
    );
}

/// The refusal of tags in a request.
pub(super) fn refused(error: &TagError) -> Error {
    Code::InvalidParameter.because(error.sentence())
}

/// Refuses tags that no pool may have. <https://docs.aws.amazon.com/cognito/latest/developerguide/tagging.html>
pub(super) fn check(tags: &Tags) -> Result<(), Error> {
    let refused = |text: String| Err(Code::InvalidParameter.because(text));
    let allowed = |letter: char| letter.is_alphanumeric() || " _.:/=+-@".contains(letter);
    if tags.len() > MOST {
        return refused(format!("A pool has at most {MOST} tags."));
    }
    if tags
        .iter()
        .any(|(key, value)| !key.chars().chain(value.chars()).all(allowed))
    {
        return refused("Tags hold letters, digits, spaces and _ . : / = + - @ only.".to_owned());
    }
    Ok(())
}
