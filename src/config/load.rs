//! From the sources to a [`Config`], or to everything that is wrong with them.

use super::document::Document;
use super::environment::Environment;
use super::files::{ConfigFile, ReadFile};
use super::flags::Flags;
use super::mask::masked;
use super::mistakes::Mistakes;
use super::reading::Reading;
use super::sources::Sources;
use super::{Command, Config, ConfigErrors, DEFAULT_LISTEN, across, values, warnings};

/// Loads the configuration for a command.
pub(super) fn load(
    command: Command,
    flags: &Flags,
    environment: &Environment,
    read_file: ReadFile<'_>,
) -> Result<Config, ConfigErrors> {
    let mut mistakes = Mistakes::default();
    let file = ConfigFile::open(flags, environment, read_file, &mut mistakes);
    let document = Document::read(file.value().map_or("", ConfigFile::text), &mut mistakes);
    let mut sources = Sources {
        document,
        environment,
        read_file,
        mistakes,
        warnings: Vec::new(),
    };
    let reading = Reading::of(&mut sources, flags);
    // Of a file that can't be read to its end it isn't known what it leaves out.
    let used = if sources.document.is_whole() && !file.is_rubbish() {
        across::check(&reading, command, &mut sources.mistakes)
    } else {
        Vec::new()
    };
    if sources.mistakes.is_empty() {
        let warnings = warnings::all(&mut sources, &file, &reading, &used);
        return Ok(config(command, flags, reading, used, warnings));
    }
    let shown = sources.document.shown();
    let file = file.value().map(|file| (file.path.as_path(), file.text()));
    let masked = file.map_or_else(String::new, |(_, text)| masked(text, shown));
    Err(sources.mistakes.report(file, masked))
}

fn config(
    command: Command,
    flags: &Flags,
    reading: Reading,
    exceptions: Vec<super::Exception>,
    warnings: Vec<String>,
) -> Config {
    let data_dir = reading.data_dir.or("./cognate-data".into());
    let upstreams = reading.upstreams.or(Vec::new()).into_iter();
    Config {
        listen: reading.listen.or(DEFAULT_LISTEN),
        tls: reading.tls.into_value(),
        public_url: reading.public_url.into_value().map(|url| url.text),
        ephemeral: flags.ephemeral,
        master_key_file: reading.master_key_file.or(data_dir.join("master.key")),
        data_dir,
        account_id: reading.account_id.or(values::default_account()),
        regions: reading.regions.or(Vec::new()),
        upstreams: upstreams.map(|one| (one.host, one.base)).collect(),
        allow_http_issuers: reading.allow_http_issuers.or(command == Command::Dev),
        logins: reading.logins,
        issuers: reading.issuers.or(Vec::new()),
        user_pools: reading.user_pools,
        log: reading.log,
        root: reading.root,
        routes: reading.routes.or(Vec::new()),
        limits: reading.limits,
        exceptions,
        warnings,
    }
}
