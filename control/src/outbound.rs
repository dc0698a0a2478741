//! Requests that the server makes by itself, to webhooks' receivers, to push services, to a provider of identities and to a store
//! of files.

mod destination;
mod guard;

use std::time::Duration;

pub use destination::{Clients, Destination, Unfit, origin};

/// A client that goes where it is sent and nowhere else: no redirects, no proxies of the environment. An answer may take
/// `timeout` in all, and a connection `connect_timeout` of it.
///
/// # Errors
/// When the system's certificates cannot be used.
pub fn client(timeout: Duration, connect_timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    builder(connect_timeout).timeout(timeout).build()
}

/// The same for names that strangers give: it has no way to addresses that are not of the internet. An address that is no name is
/// for the caller to look at ([`guard::is_public`]).
fn guarded_client(timeout: Duration, connect_timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    builder(connect_timeout).timeout(timeout).dns_resolver(guard::PublicOnly).build()
}

/// The same for answers of any length: whoever asks bounds each wait.
///
/// # Errors
/// When the system's certificates cannot be used.
pub fn client_without_deadline(connect_timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    builder(connect_timeout).build()
}

fn builder(connect_timeout: Duration) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(connect_timeout)
        .user_agent(concat!("boltorezka/", env!("CARGO_PKG_VERSION")))
}

/// A failure with all of its causes, and without the address, which may hold a secret.
pub fn in_words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words
}
