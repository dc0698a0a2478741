//! Where a push goes: an address that a browser has named, and so whoever is signed in.

use boltorezka_proto::push::PUSH_ENDPOINT_BYTES_MAX;
use reqwest::Url;

use crate::outbound::{Destination, Unfit, origin};

/// Reads the address of a subscription. Its path is a secret: who has it can have the browser's owner disturbed.
///
/// # Errors
/// What is wrong, without the address.
pub fn parse(text: &str, local_services: &[String]) -> Result<Destination, String> {
    if text.len() > PUSH_ENDPOINT_BYTES_MAX {
        return Err("endpoint is too long for one of a push service".to_owned());
    }
    let endpoint =
        Destination::parse(text, |url| local_services.contains(&origin(url))).map_err(|unfit| match unfit {
            Unfit::Private => {
                format!(
                    "endpoint {unfit}; for a push service in a private network the operator sets push_local_services"
                )
            }
            _ => format!("endpoint {unfit}"),
        })?;
    if endpoint.url().fragment().is_some() {
        return Err("endpoint must hold no fragment".to_owned());
    }
    Ok(endpoint)
}

/// The host of an address, for its owner to know the browser by.
pub fn service_of(endpoint: &str) -> String {
    Url::parse(endpoint).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_without_the_address() {
        let local = ["http://127.0.0.1:8081".to_owned()];
        for good in ["https://push.example/a?b=c", "http://127.0.0.1:8081/wpush/v2/x"] {
            assert!(parse(good, &local).is_ok(), "{good}");
        }
        let long = format!("https://push.example/{}", "x".repeat(PUSH_ENDPOINT_BYTES_MAX));
        let bad = [
            ("https://push.example/#x", "endpoint must hold no fragment"),
            ("http://push.example/", "endpoint must begin with https://"),
            ("https://10.1.2.3/", "push_local_services"),
            (&long, "too long"),
        ];
        for (url, said) in bad {
            let wrong = parse(url, &local).err().unwrap();
            assert!(wrong.contains(said) && !wrong.contains("push.example") && !wrong.contains("10.1"), "{wrong}");
        }
        assert!(parse("http://127.0.0.1:8081/x", &[]).is_err());
        assert_eq!(service_of("https://push.example:8443/secret"), "push.example");
    }
}
