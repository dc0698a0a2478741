//! Where strangers have us send something: whoever is signed in names a push service, a tenant's admin a receiver of webhooks.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;
use thiserror::Error;

use super::guard::is_public;
use super::{client, guarded_client};

/// An address in the internet, over https; or one that the operator trusts, wherever it is.
#[derive(Clone)]
pub struct Destination {
    url: Url,
    is_trusted: bool,
}

/// What is wrong with an address. It is not shown: it may hold a secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Unfit {
    /// Something else.
    #[error("must be an address such as https://HOST/PATH")]
    NoAddress,
    /// It could be read on its way, and the answer could come from anybody.
    #[error("must begin with https://")]
    Unencrypted,
    /// Requests are signed, which says who sends.
    #[error("must hold no user name and no password")]
    Credentials,
    /// It leads into the network that the server is in.
    #[error("must be in the internet")]
    Private,
}

impl Destination {
    /// # Errors
    /// What is wrong with it, where it is not one that `is_trusted`.
    pub fn parse(text: &str, is_trusted: impl FnOnce(&Url) -> bool) -> Result<Self, Unfit> {
        let url = Url::parse(text).map_err(|_| Unfit::NoAddress)?;
        let host = url.host_str().filter(|_| matches!(url.scheme(), "https" | "http")).ok_or(Unfit::NoAddress)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Unfit::Credentials);
        }
        let address: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        let may_be_public = match address {
            Some(address) => is_public(address),
            // What names without a dot are is for each network to say.
            None => host.trim_end_matches('.').contains('.'),
        };
        let is_trusted = is_trusted(&url);
        match (is_trusted, url.scheme()) {
            (true, _) => {}
            (false, "https") if may_be_public => {}
            (false, "https") => return Err(Unfit::Private),
            (false, _) => return Err(Unfit::Unencrypted),
        }
        Ok(Self { url, is_trusted })
    }

    /// Whole, to be asked.
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// Scheme, host and port: what may be said of it.
    pub fn origin(&self) -> String {
        origin(&self.url)
    }
}

/// Scheme, host and port, as settings name them.
pub fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Sends to destinations: to those that are not trusted, by a client that has no way to addresses that are not of the internet, whatever
/// their names turn out to be.
#[derive(Clone)]
pub struct Clients {
    guarded: reqwest::Client,
    trusting: reqwest::Client,
}

impl Clients {
    /// An answer may take `timeout` in all, and a connection `connect_timeout` of it.
    ///
    /// # Errors
    /// When the system's certificates cannot be used.
    pub fn new(timeout: Duration, connect_timeout: Duration) -> Result<Self, reqwest::Error> {
        Ok(Self { guarded: guarded_client(timeout, connect_timeout)?, trusting: client(timeout, connect_timeout)? })
    }

    /// A request to it.
    pub fn post(&self, destination: &Destination) -> reqwest::RequestBuilder {
        let client = if destination.is_trusted { &self.trusting } else { &self.guarded };
        client.post(destination.url())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_or_trusted_ones_are_taken() {
        let parse = |text: &str| Destination::parse(text, |url| origin(url) == "http://127.0.0.1:8081");
        for good in ["https://push.example/a?b=c", "https://93.184.216.34/x", "http://127.0.0.1:8081/wpush/v2/x"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        let bad = [
            (Unfit::Unencrypted, "http://push.example/"),
            (Unfit::Unencrypted, "http://127.0.0.1:8082/"),
            (Unfit::NoAddress, "ftp://push.example/"),
            (Unfit::NoAddress, "push.example"),
            (Unfit::NoAddress, ""),
            (Unfit::NoAddress, "https://"),
            (Unfit::Credentials, "https://a:b@push.example/"),
            (Unfit::Credentials, "http://a@127.0.0.1:8081/"),
            (Unfit::Private, "https://127.0.0.1/"),
            (Unfit::Private, "https://10.1.2.3/"),
            (Unfit::Private, "https://[::1]/"),
            (Unfit::Private, "https://localhost/"),
            (Unfit::Private, "https://printer/"),
            (Unfit::Private, "https://localhost./"),
            (Unfit::Private, "https://0x7f000001/"),
            (Unfit::Private, "https://2130706433/"),
            (Unfit::Private, "https://[::ffff:10.0.0.1]/"),
            (Unfit::Private, "https://127.0.0.1:8081/"),
        ];
        for (unfit, text) in bad {
            assert_eq!(parse(text).err(), Some(unfit), "{text}");
        }
        assert_eq!(parse("https://push.example:8443/secret").unwrap().origin(), "https://push.example:8443");
    }

    #[tokio::test]
    async fn a_name_that_leads_here_is_followed_where_it_is_trusted() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let clients = Clients::new(Duration::from_secs(5), Duration::from_secs(5)).unwrap();
        let to = |is_trusted| {
            let url = format!("http://localhost:{port}/").parse().unwrap();
            clients.post(&Destination { url, is_trusted }).send()
        };
        let error = super::super::in_words(to(false).await.unwrap_err());
        assert!(error.contains("no address in the internet"), "{error}");
        let (accepted, _) = tokio::join!(
            async {
                let connection = listener.accept().await;
                connection.map(|(connection, _)| drop(connection))
            },
            to(true)
        );
        accepted.unwrap();
    }
}
