//! The command line: which commands there are, and what each starts.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use boltorezka_control::{Control, FilesCopied, S3Place};
use boltorezka_proto::WorkspaceSlug;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::settings::{self, Settings};
use crate::{Failure, doctor, files, logs, node, say, serve};

/// Who waits for files to be copied is told so often how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// Runs what the command line says.
///
/// # Errors
/// What the command could not do.
pub fn run() -> Result<ExitCode, Failure> {
    let matches = command_line().get_matches();
    let Some((name, matches)) = matches.subcommand() else { return Ok(ExitCode::from(2)) };
    let settings = settings::load(matches, std::env::vars_os())?;
    logs::start(&settings);
    raise_file_limit();

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::other(format!("the runtime does not start: {error}")))?;
    runtime.block_on(execute(name, matches, settings))
}

async fn execute(name: &str, matches: &ArgMatches, settings: Settings) -> Result<ExitCode, Failure> {
    match name {
        "serve" if matches.get_flag("in-process") => serve::run(settings, serve::Media::InProcess).await?,
        "serve" => serve::run(settings, serve::Media::Child).await?,
        "control" => serve::run(settings, serve::Media::Elsewhere).await?,
        "media" => node::run(&settings).await?,
        "doctor" => return doctor::run(&settings).await,
        "migrate" => migrate(&settings).await?,
        "seed" => seed(&settings, matches).await?,
        "backup" => backup(&settings, matches).await?,
        "restore" => restore(&settings, matches).await?,
        "copy-attachments" => copy_attachments(&settings).await?,
        _ => api_key(&settings, matches).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// All commands with their flags.
fn command_line() -> Command {
    let with_settings =
        |name: &'static str, about: &'static str| Command::new(name).about(about).args(settings::arguments());
    let in_process = Arg::new("in-process")
        .long("in-process")
        .action(ArgAction::SetTrue)
        .help("Run the media node inside this process: calls end with it. For tests and for debugging.");
    let test = Arg::new("test").long("test").action(ArgAction::SetTrue).help(
        "Make a test environment: also accounts, whose password everybody knows, and messages. Again, it changes nothing",
    );
    let force = Arg::new("force")
        .long("force")
        .action(ArgAction::SetTrue)
        .requires("test")
        .help("Also where accounts of others are");
    let key_workspace =
        Arg::new("workspace").long("workspace").default_value("default").help("The workspace that the key acts in");
    let key_name = Arg::new("name").required(true).help("What the key is for, as lists show it");
    let folder = Arg::new("folder").required(true).value_parser(clap::value_parser!(PathBuf));
    let scope = Arg::new("scope")
        .long("scope")
        .value_name("PERMISSION")
        .action(ArgAction::Append)
        .help("Give it only this: a permission's name or its first words, such as rooms; may repeat");
    Command::new("boltorezka")
        .about("A self-hosted media server for voice and video rooms")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            with_settings("serve", "Run everything: the control plane, and the media node as its child")
                .arg(in_process),
        )
        .subcommand(with_settings("control", "Run the control plane alone; the media node listens on media_socket"))
        .subcommand(with_settings("media", "Run a media node alone; the control plane connects to media_socket"))
        .subcommand(with_settings("doctor", "Check this machine and these settings, with a cure for what is wrong"))
        .subcommand(with_settings("migrate", "Bring the database to this version's form, and stop"))
        .subcommand(
            with_settings("seed", "Make rooms to try the server out with, where they are missing").args([test, force]),
        )
        .subcommand(
            with_settings("backup", "Copy the database into a new folder; the server may run")
                .arg(folder.clone().help("A folder that is not there yet")),
        )
        .subcommand(
            with_settings("restore", "Bring a backup back, where no database is; the server must not run")
                .arg(folder.help("A folder that `boltorezka backup` made")),
        )
        .subcommand(with_settings(
            "copy-attachments",
            "Copy the files of messages from data_dir into the S3 store of the settings, where they are missing; the server may run",
        ))
        .subcommand(
            with_settings("api-key", "Make an API key and print it once").arg(key_name).arg(key_workspace).arg(scope),
        )
}

async fn migrate(settings: &Settings) -> Result<(), Failure> {
    let _lock = files::lock(settings)?;
    serve::open_control(settings).await?;
    say("the database is up to date");
    Ok(())
}

async fn seed(settings: &Settings, matches: &ArgMatches) -> Result<(), Failure> {
    // A server that runs keeps rooms in memory: it would not see what is made behind its back.
    let _lock = files::lock(settings)?;
    let control = serve::open_control(settings).await?;
    if matches.get_flag("test") {
        return seed_test(&control, matches.get_flag("force")).await;
    }
    let made = control.seed().await.map_err(Failure::other)?;
    say(format_args!("{made} rooms made"));
    Ok(())
}

async fn seed_test(control: &Control, force: bool) -> Result<(), Failure> {
    let made = control.seed_test(force).await.map_err(Failure::other)?;
    for (email, role) in &made.accounts {
        say(format_args!("account {email} ({role:?})"));
    }
    for room in &made.rooms {
        say(format_args!("room {room}"));
    }
    let (accounts, rooms, messages) = (made.accounts_made, made.rooms_made, made.messages_made);
    say(format_args!("{accounts} accounts, {rooms} rooms and {messages} messages made"));
    say(format_args!(
        "the password of each account is {:?}: let nobody reach this server who should not",
        made.password
    ));
    Ok(())
}

async fn backup(settings: &Settings, matches: &ArgMatches) -> Result<(), Failure> {
    let folder = folder(matches);
    let s3 = settings.s3();
    let copied = boltorezka_control::backup(&settings.database_url(), &settings.data_dir, s3.as_ref(), folder).await;
    copied.map_err(Failure::other)?;
    say(format_args!("{} holds the backup, and the keys of this server: keep it as safe", folder.display()));
    if let Some(s3) = s3 {
        let place = s3.place();
        say(format_args!("files of messages are not in it: they are in {place}, which the store has to keep safe"));
    }
    Ok(())
}

async fn restore(settings: &Settings, matches: &ArgMatches) -> Result<(), Failure> {
    let _lock = files::lock(settings)?;
    let folder = folder(matches);
    let brought_back = boltorezka_control::restore(folder, &settings.database_url(), &settings.data_dir).await;
    let attachments_in = brought_back.map_err(Failure::other)?;
    // Also brings it up to date.
    serve::open_control(settings).await?;
    say(format_args!("{} is brought back", folder.display()));
    for line in about_files(attachments_in, settings.s3().map(|s3| s3.place())) {
        say(line);
    }
    Ok(())
}

/// What is to be done for files of messages that were in one place, and are looked for in another; none is `data_dir`.
fn about_files(before: Option<S3Place>, now: Option<S3Place>) -> Vec<String> {
    let alone =
        "only one server may use them: to try this one out beside the other, copy them under an s3_prefix of its own";
    match (before, now) {
        (None, None) => Vec::new(),
        (None, Some(now)) => {
            vec![format!("its files are in data_dir, and are looked for in {now}: run `boltorezka copy-attachments`")]
        }
        (Some(before), Some(now)) if before == now => vec![format!("its files are still in {now}; {alone}")],
        (Some(before), now) => {
            let now = now.map_or_else(|| "data_dir".to_owned(), |now| now.to_string());
            let cure = "set s3_endpoint, s3_bucket and s3_prefix to that, or copy its objects";
            vec![format!("its files were in {before}, and are looked for in {now}: {cure}"), alone.to_owned()]
        }
    }
}

async fn copy_attachments(settings: &Settings) -> Result<(), Failure> {
    let control = serve::open_control(settings).await?;
    let mut told = Instant::now();
    let progress = |now: &FilesCopied| {
        if told.elapsed() >= PROGRESS_EVERY {
            told = Instant::now();
            say(in_words(now));
        }
    };
    let copied = control.copy_files(progress).await.map_err(Failure::other)?;
    say(format_args!("{}; all are there", in_words(&copied)));
    Ok(())
}

fn in_words(files: &FilesCopied) -> String {
    let FilesCopied { copied, copied_bytes, there, left_out } = files;
    format!("{copied} files copied ({copied_bytes} bytes), {there} were there, {left_out} are of no message")
}

fn folder(matches: &ArgMatches) -> &Path {
    matches.get_one::<PathBuf>("folder").map_or(Path::new(""), PathBuf::as_path)
}

async fn api_key(settings: &Settings, matches: &ArgMatches) -> Result<(), Failure> {
    let name = matches.get_one::<String>("name").map_or("", String::as_str);
    let workspace = matches.get_one::<String>("workspace").map_or("default", String::as_str);
    let no_workspace =
        || Failure::other(format!("there is no workspace {workspace:?}: make it with POST /v1/workspaces"));
    let slug = WorkspaceSlug::new(workspace).map_err(|_| no_workspace())?;
    files::data_dir(settings)?;
    let control = serve::open_control(settings).await?;
    let scopes = matches.get_many::<String>("scope").map(|scopes| scopes.cloned().collect());
    let key = control.create_api_key(name, &slug, scopes).await.map_err(Failure::other)?;
    say(key.ok_or_else(no_workspace)?);
    Ok(())
}

/// Each socket is an open file, and the usual soft limit of 1,024 is soon reached: take what the system allows.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: now.maximum, maximum: now.maximum }) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}
