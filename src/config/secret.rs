//! A text that must not be seen. It is not sealed: this only keeps it out of logs, messages and freed memory.

use std::fmt;

use zeroize::Zeroizing;

/// A secret text. Its `Debug` says nothing, it has no `Display`, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes `text` for a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text, for the one who needs it.
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
