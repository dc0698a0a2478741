//! Requests that the server makes by itself, to webhooks' receivers, a provider of identities and a store of files.

use std::time::Duration;

/// A client that goes where it is sent and nowhere else: no redirects, no proxies of the environment. An answer may take
/// `timeout` in all, and a connection `connect_timeout` of it.
///
/// # Errors
/// When the system's certificates cannot be used.
pub fn client(timeout: Duration, connect_timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    builder(connect_timeout).timeout(timeout).build()
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
