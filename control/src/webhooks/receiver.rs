//! Where a webhook goes. Those of the default workspace are the operator's own; other workspaces are tenants, whose admins have no
//! business in the network that the server is in.

use boltorezka_proto::webhooks::WEBHOOK_URL_BYTES_MAX;
use reqwest::Url;

use crate::config::Config;
use crate::outbound::{Destination, Unfit, origin};

/// Reads the address of a receiver, of the default workspace when `at_home`.
///
/// # Errors
/// What is wrong, without the address.
pub fn parse(text: &str, at_home: bool, config: &Config) -> Result<Destination, String> {
    if text.len() > WEBHOOK_URL_BYTES_MAX {
        return Err(format!("url has more than {WEBHOOK_URL_BYTES_MAX} bytes"));
    }
    let is_trusted = |url: &Url| {
        config.webhooks_local_receivers.contains(&origin(url)) || (at_home && (url.scheme() == "https" || is_here(url)))
    };
    Destination::parse(text, is_trusted).map_err(|unfit| match unfit {
        Unfit::Unencrypted if at_home => {
            format!(
                "url {unfit}; http:// is for this machine alone (localhost, 127.0.0.1, [::1]), or for what \
                 webhooks_local_receivers names"
            )
        }
        Unfit::Unencrypted | Unfit::Private => {
            format!(
                "url {unfit}; for a receiver in the server's own network the operator sets webhooks_local_receivers"
            )
        }
        Unfit::Credentials => format!("url {unfit}: the signature says who sends"),
        Unfit::NoAddress => format!("url {unfit}"),
    })
}

/// On this machine, by its usual names.
fn is_here(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config { webhooks_local_receivers: vec!["http://10.0.0.5:8000".to_owned()], ..Config::new("/nowhere") }
    }

    #[test]
    fn at_home_private_addresses_are_taken() {
        let good = [
            "https://example.org/hook?key=1",
            "https://10.0.0.6/",
            "https://receiver/",
            "http://127.0.0.1:8081/",
            "http://[::1]/x",
            "http://localhost",
            "http://10.0.0.5:8000/hook",
        ];
        for url in good {
            assert!(parse(url, true, &config()).is_ok(), "{url}");
        }
        let long = format!("https://example.org/{}", "x".repeat(WEBHOOK_URL_BYTES_MAX));
        let bad = [
            ("http://example.org/", "this machine alone"),
            ("http://10.0.0.6/", "this machine alone"),
            ("ftp://example.org/", "https://HOST/PATH"),
            ("example.org", "https://HOST/PATH"),
            ("https://", "https://HOST/PATH"),
            ("", "https://HOST/PATH"),
            ("https://a:b@example.org/", "the signature says who sends"),
            (&long, "more than"),
        ];
        for (url, said) in bad {
            let wrong = parse(url, true, &config()).err().unwrap();
            assert!(wrong.contains(said) && !wrong.contains("example.org"), "{url}: {wrong}");
        }
    }

    #[test]
    fn tenants_have_no_way_into_the_servers_network() {
        for url in ["https://example.org/hook", "https://1.1.1.1/", "http://10.0.0.5:8000/hook"] {
            assert!(parse(url, false, &config()).is_ok(), "{url}");
        }
        for url in
            ["http://127.0.0.1:8081/", "http://localhost", "https://10.0.0.6/", "https://receiver/", "https://[::1]/"]
        {
            let wrong = parse(url, false, &config()).err().unwrap();
            assert!(wrong.contains("webhooks_local_receivers"), "{url}: {wrong}");
        }
    }
}
