//! The pages and the TLS entrance of the real binary.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod common;

use base64::Engine as _;
use common::{Place, get, get_trusting};

#[test]
fn pages_are_served_with_strict_headers_and_the_api_never_answers_with_one() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    for path in ["/", "/setup?token=x", "/rooms/stand-up"] {
        let response = get(&format!("{}{path}", server.origin)).unwrap();
        assert!(response.header("content-type").starts_with("text/html"), "{path}");
        let policy = response.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(response.header("referrer-policy"), "no-referrer");
        assert_eq!(response.header("x-content-type-options"), "nosniff");
        assert_eq!(response.header("x-frame-options"), "DENY");
    }
    for path in ["/v1/nothing", "/assets/nothing.js", "/favicon-that-is-not-there.ico"] {
        let response = get(&format!("{}{path}", server.origin)).unwrap();
        assert_eq!(response.status, 404, "{path}");
        assert_eq!(response.header("content-type"), "application/problem+json", "{path}");
        assert!(response.body.contains("\"code\":\"not_found\""), "{path}: {}", response.body);
    }
    let page = get(&server.origin).unwrap().body;
    match page.split_once("/assets/").and_then(|(_, rest)| rest.split_once('"')) {
        Some((name, _)) => {
            let asset = get(&format!("{}/assets/{name}", server.origin)).unwrap();
            assert_eq!(asset.status, 200);
            assert!(asset.header("cache-control").contains("immutable"));
        }
        // Built without the client: the page must say so and how to build it.
        None => assert!(page.contains("npm run build"), "{page}"),
    }
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_certificate_makes_it_https() {
    let place = Place::new();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let signed = rcgen::generate_simple_self_signed(names).unwrap();
    let (cert, key) = (place.data_dir().join("cert.pem"), place.data_dir().join("key.pem"));
    let cert_pem = pem("CERTIFICATE", signed.cert.der());
    std::fs::write(&cert, &cert_pem).unwrap();
    std::fs::write(&key, pem("PRIVATE KEY", &signed.signing_key.serialize_der())).unwrap();

    let flags = [format!("--tls-cert={}", cert.display()), format!("--tls-key={}", key.display())];
    let mut server = place.serve(&flags.each_ref().map(String::as_str));
    assert!(server.origin.starts_with("https://127.0.0.1:"), "{}", server.origin);
    let link = server.stdout_line("owner link: ");
    assert!(link.starts_with("owner link: https://"), "{link}");
    let response = get_trusting(&format!("{}/livez", server.origin), &cert_pem).unwrap();
    assert_eq!(response.status, 200);
    assert!(get(&format!("{}/livez", server.origin)).is_none(), "an unknown certificate must not be trusted");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));

    // A key of another certificate is refused at start.
    let other = rcgen::generate_simple_self_signed(["elsewhere".to_owned()]).unwrap();
    std::fs::write(&key, pem("PRIVATE KEY", &other.signing_key.serialize_der())).unwrap();
    let output = place.command("serve", &flags.each_ref().map(String::as_str)).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("tls_key") && message.contains("does not fit"), "{message}");
}

/// DER bytes as PEM (RFC 7468).
fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
