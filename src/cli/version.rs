//! The version of the program, with the commit that a release was built from.

/// `0.2.0 (0123456789ab)`; without the commit in a development build, and in a build without a repository.
pub(super) const TEXT: &str = env!("COGNATE_VERSION");

/// The first digits of the commit; empty where it isn't known.
pub(super) const COMMIT: &str = env!("COGNATE_BUILD_COMMIT");
