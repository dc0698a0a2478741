//! How the binary starts and ends: what it refuses, what it prints, which exit codes it has.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod common;

use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;

use common::{Place, boltorezka, free_media_port, is_alive};

fn refused(arguments: &[&str], variables: &[(&str, &str)], code: i32, parts: &[&str]) {
    let mut command = boltorezka(arguments);
    command.envs(variables.iter().copied());
    let output = command.output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    for part in parts {
        assert!(message.contains(part), "{arguments:?}: {part:?} is missing in {message:?}");
    }
}

#[test]
fn bad_settings_end_with_2_and_name_the_key_the_source_and_the_cure() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("boltorezka.toml");
    std::fs::write(&file, "udp_prot = 7000\n").unwrap();
    let config = format!("--config={}", file.display());

    refused(&["serve", &config], &[], 2, &["boltorezka.toml", "udp_prot", "Did you mean udp_port"]);
    refused(&["serve", "--config=/nowhere.toml"], &[], 2, &["/nowhere.toml", "--config"]);
    refused(&["serve"], &[("BOLTOREZKA_HTPP", "x")], 2, &["BOLTOREZKA_HTPP", "Did you mean BOLTOREZKA_HTTP"]);
    refused(&["serve"], &[("BOLTOREZKA_SHARDS", "many")], 2, &["shards", "many", "BOLTOREZKA_SHARDS", "1 to 64"]);
    refused(&["serve", "--registration=some"], &[], 2, &["registration", "open, invite, closed"]);
    refused(&["serve", "--super-admin-email=changeme"], &[], 2, &["super_admin_email", "placeholder"]);
    refused(&["serve", "--limits-sockets-per-user=0"], &[], 2, &["limits.sockets_per_user", "off"]);
    refused(&["serve", "--tls-cert=/nowhere.pem", "--tls-key=/nowhere.pem"], &[], 2, &["tls_cert", "/nowhere.pem"]);
    refused(&["serve", "--data-dir=/proc/boltorezka"], &[], 2, &["data_dir", "/proc/boltorezka"]);
    refused(&["serve", "--nonsense=1"], &[], 2, &["--nonsense"]);
    refused(&["frobnicate"], &[], 2, &["frobnicate"]);
}

#[test]
fn a_port_in_use_is_named() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("--http={}", taken.local_addr().unwrap());
    let output = place.command("serve", &[]).arg(&address).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "given twice: {output:?}");

    let mut command = boltorezka(&["serve", "--data-dir", place.data_dir().to_str().unwrap(), &address]);
    let output = command.output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("setting http") && message.contains("in use"), "{message}");
}

#[test]
fn a_udp_port_in_use_is_named() {
    let place = Place::new();
    let _taken = UdpSocket::bind(("0.0.0.0", place.udp_port)).unwrap();
    let output = place.command("serve", &[]).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("udp_port") && message.contains(&place.udp_port.to_string()), "{message}");
}

#[test]
fn the_first_start_prints_an_owner_link_and_sigterm_ends_cleanly() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    assert!(server.origin.starts_with("http://127.0.0.1:"), "{}", server.origin);
    let link = server.stdout_line("owner link: ");
    assert!(link.starts_with(&format!("owner link: {}/setup?token=", server.origin)), "{link}");
    assert!(link.split_once("token=").unwrap().1.len() >= 22, "too short to be a secret: {link}");

    let media_pid = place.media_pid();
    assert!(is_alive(media_pid));
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.socket()), 0o600);

    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    assert!(!is_alive(media_pid), "the media node must end with its server");
    assert!(!place.socket().exists(), "the socket must be gone");

    // Not set up yet: the link is printed again. SIGINT ends as cleanly, and so does the other way to run media.
    let mut server = place.serve(&["--in-process"]);
    server.stdout_line("owner link: ");
    server.signal("INT");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_data_dir_that_is_made_is_closed_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("new");
    let output = boltorezka(&["migrate", "--data-dir", data_dir.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(std::fs::metadata(&data_dir).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    let udp_port = free_media_port();
    let data_dir = place.data_dir().to_str().unwrap();
    let mut command = boltorezka(&["serve", "--http=127.0.0.1:0", "--data-dir", data_dir]);
    let output = command.arg(format!("--udp-port={udp_port}")).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("another server") && message.contains("data_dir"), "{message}");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn doctor_finds_what_is_wrong() {
    let place = Place::new();
    let doctor = |place: &Place| {
        let output = place.command("doctor", &[]).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, report) = doctor(&place);
    assert_eq!(code, Some(0), "{report}");
    for check in ["data_dir", "database", "http", "udp_port", "public_ip", "open files", "receive buffer", "clock"] {
        assert!(report.contains(&format!("{check}: ")), "{check} is missing in {report}");
    }
    let _taken = UdpSocket::bind(("0.0.0.0", place.udp_port)).unwrap();
    let (code, report) = doctor(&place);
    assert_eq!(code, Some(1), "{report}");
    assert!(report.contains("FAILED") && report.contains(&place.udp_port.to_string()), "{report}");
}

#[test]
fn seed_makes_what_is_missing() {
    let place = Place::new();
    for expected in ["3 rooms made", "0 rooms made"] {
        let output = place.command("seed", &[]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), expected);
    }
    // A server that runs keeps rooms in memory: it would not see what is made behind its back.
    let mut server = place.serve(&[]);
    assert_eq!(place.command("seed", &[]).output().unwrap().status.code(), Some(1));
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn an_api_key_is_printed_once() {
    let place = Place::new();
    let output = place.command("api-key", &["backend"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().trim().len() >= 32);
}

#[test]
fn an_api_key_is_for_a_workspace_that_exists() {
    let place = Place::new();
    let output = place.command("api-key", &["backend", "--workspace", "nowhere"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("\"nowhere\"") && said.contains("/v1/workspaces"), "{said}");
    let output = place.command("api-key", &["backend", "--workspace", "default"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
