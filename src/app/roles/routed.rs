//! Warnings about roles with managed policies for which a route asks another STS: what this server knows of a role doesn't
//! limit credentials that it doesn't issue.

use crate::credentials::routes::StsRoutes;
use crate::model::iam_role::Role;
use crate::store::catalog::Snapshot;

/// Warns about each role of the records with attached policies or a permissions boundary that a route matches.
pub(in crate::app) fn log(snapshot: &Snapshot, routes: &StsRoutes) {
    for role in snapshot.roles() {
        warn(role, routes);
    }
}

/// Warns if the role has attached policies or a permissions boundary and a route matches it.
pub(in crate::app) fn warn(role: &Role, routes: &StsRoutes) {
    let what = match (&role.boundary, role.attached.is_empty()) {
        (Some(_), true) => "its permissions boundary doesn't",
        (Some(_), false) => "its permissions boundary and its attached policies don't",
        (None, false) => "its attached policies don't",
        (None, true) => return,
    };
    if let Some(route) = routes.of(&role.arn) {
        tracing::warn!(
            role = %role.arn,
            route = route.number,
            sts = route.endpoint(),
            "a route asks another STS for the role's credentials, so {what} apply to them: limit the role at that STS, or by \
             the session_policy of the route"
        );
    }
}
