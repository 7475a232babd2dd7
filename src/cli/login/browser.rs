//! The person's browser.

use std::process::{Command, Stdio};

use crate::config::Environment;

/// Opens a URL; whether a browser could be started. The URL is one argument, and no shell reads it.
pub(super) fn open(url: &str, environment: &Environment) -> bool {
    let configured = environment.text("BROWSER");
    let has_display = cfg!(target_os = "macos")
        || ["DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| environment.text(name).is_some());
    let program = match configured {
        Some(program) => program,
        None if !has_display => return false,
        None if cfg!(target_os = "macos") => "open".to_owned(),
        None => "xdg-open".to_owned(),
    };
    let mut command = Command::new(program);
    command
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().is_ok()
}
