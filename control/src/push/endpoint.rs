//! Where a push goes: an address that a browser has named, and so whoever is signed in.

use std::net::IpAddr;

use boltorezka_proto::push::PUSH_ENDPOINT_BYTES_MAX;
use reqwest::Url;

use crate::outbound::is_public;

/// The address of a subscription. Its path is a secret: who has it can have the browser's owner disturbed.
#[derive(Clone)]
pub struct Endpoint {
    url: Url,
    /// Named by the operator: it may be in a private network.
    pub is_local: bool,
}

impl Endpoint {
    /// # Errors
    /// What is wrong, without the address.
    pub fn parse(text: &str, local_services: &[String]) -> Result<Self, &'static str> {
        if text.len() > PUSH_ENDPOINT_BYTES_MAX {
            return Err("endpoint is too long for one of a push service");
        }
        let url = Url::parse(text).map_err(|_| "endpoint must be an address of a push service")?;
        let origin = url.origin().ascii_serialization();
        let is_local = local_services.contains(&origin);
        if url.scheme() != "https" && !is_local {
            return Err("endpoint must begin with https://");
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err("endpoint must hold no user name, no password and no fragment");
        }
        let host = url.host_str().ok_or("endpoint must be an address of a push service")?;
        let address: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        let is_reachable = match address {
            Some(address) => is_public(address),
            // What names without a dot are is for each network to say.
            None => host.trim_end_matches('.').contains('.'),
        };
        if !is_reachable && !is_local {
            return Err(
                "endpoint must be in the internet; for a push service in a private network the operator sets push_local_services",
            );
        }
        Ok(Self { url, is_local })
    }

    /// Whole, to be asked.
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// Scheme, host and port: what may be said of it.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

/// The host of an address, for its owner to know the browser by.
pub fn service_of(endpoint: &str) -> String {
    Url::parse(endpoint).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_push_services_of_the_internet_or_the_operators_own_are_taken() {
        let local = ["http://127.0.0.1:8081".to_owned()];
        for good in ["https://push.example/a?b=c", "https://93.184.216.34/x", "http://127.0.0.1:8081/wpush/v2/x"] {
            assert!(Endpoint::parse(good, &local).is_ok(), "{good}");
        }
        let long = format!("https://push.example/{}", "x".repeat(PUSH_ENDPOINT_BYTES_MAX));
        let bad = [
            "http://push.example/",
            "ftp://push.example/",
            "push.example",
            "",
            "https://",
            "https://a:b@push.example/",
            "https://push.example/#x",
            "https://127.0.0.1/",
            "https://10.1.2.3/",
            "https://[::1]/",
            "https://localhost/",
            "https://printer/",
            "https://localhost./",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://[::ffff:10.0.0.1]/",
            "http://127.0.0.1:8082/",
            "https://127.0.0.1:8081/",
            &long,
        ];
        for url in bad {
            assert!(Endpoint::parse(url, &local).is_err(), "{url}");
        }
        assert!(Endpoint::parse("http://127.0.0.1:8081/x", &[]).is_err());
        let endpoint = Endpoint::parse("https://push.example:8443/secret", &[]).unwrap();
        assert_eq!((endpoint.origin().as_str(), endpoint.is_local), ("https://push.example:8443", false));
        assert_eq!(service_of("https://push.example:8443/secret"), "push.example");
    }
}
