//! A secret string. It is not encrypted: the type only keeps it out of logs, messages and freed memory.

use std::fmt;

use zeroize::Zeroizing;

/// A secret string. Its `Debug` shows nothing, it has no `Display`, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Makes `text` a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself. Use it where it is needed, and nowhere else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = Secret::new("wJalrXUtnFEMI");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)).find("wJ"), None);
        assert_eq!(secret.reveal(), "wJalrXUtnFEMI");
    }
}
