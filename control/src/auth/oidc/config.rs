//! The settings of a provider.

use axum::http::uri::{Scheme, Uri};

/// Longest name on the button, in characters.
const NAME_CHARACTERS_MAX: usize = 40;

/// A provider, as the operator names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcConfig {
    /// Its address, exactly as it writes it itself.
    pub issuer: String,
    /// What it knows this server by.
    pub client_id: String,
    /// What this server proves that with; none for a public client.
    pub client_secret: Option<String>,
    /// What people call it.
    pub name: String,
    /// What is asked for, separated by spaces. `openid` is among them.
    pub scopes: String,
}

impl OidcConfig {
    /// Checks what can be checked without the network.
    ///
    /// # Errors
    /// What is wrong, with the setting and the cure.
    pub fn check(&self) -> Result<(), String> {
        if !is_safe_address(&self.issuer) || self.issuer.contains(['?', '#']) {
            return Err(
                "oidc_issuer: it is no https:// address. Give it as the provider writes it, such as https://id.example.org."
                    .to_owned(),
            );
        }
        let name = self.name.chars().count();
        if name == 0 || name > NAME_CHARACTERS_MAX || self.name.chars().any(char::is_control) {
            return Err(format!("oidc_name: give 1 to {NAME_CHARACTERS_MAX} characters, such as Example."));
        }
        let of_scope = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
        if !self.scopes.chars().all(|c| c == ' ' || of_scope(c)) || !self.scopes.split(' ').any(|s| s == "openid") {
            return Err("oidc_scopes: openid must be among them. Give openid email profile.".to_owned());
        }
        Ok(())
    }
}

/// Whether secrets may travel there: over TLS, or within this machine.
pub fn is_safe_address(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    let is_local = matches!(authority.host(), "localhost" | "127.0.0.1" | "[::1]");
    let is_private = uri.scheme() == Some(&Scheme::HTTPS) || (uri.scheme() == Some(&Scheme::HTTP) && is_local);
    is_private && !authority.as_str().contains('@') && !authority.host().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_names_the_setting() {
        let good = OidcConfig {
            issuer: "https://id.example.org/realms/one".to_owned(),
            client_id: "talk".to_owned(),
            client_secret: None,
            name: "Example".to_owned(),
            scopes: "openid email".to_owned(),
        };
        assert_eq!(good.check(), Ok(()));
        assert_eq!(OidcConfig { issuer: "http://127.0.0.1:3000".to_owned(), ..good.clone() }.check(), Ok(()));
        for issuer in ["http://id.example.org", "id.example.org", "https://a:b@id.example.org", "https://x/?y", ""] {
            let wrong = OidcConfig { issuer: issuer.to_owned(), ..good.clone() }.check().unwrap_err();
            assert!(wrong.starts_with("oidc_issuer: "), "{wrong}");
        }
        for scopes in ["email", "", "openid\nemail", "openidx"] {
            let wrong = OidcConfig { scopes: scopes.to_owned(), ..good.clone() }.check().unwrap_err();
            assert!(wrong.starts_with("oidc_scopes: "), "{wrong}");
        }
        let wrong = OidcConfig { name: "x".repeat(41), ..good }.check().unwrap_err();
        assert!(wrong.starts_with("oidc_name: "), "{wrong}");
    }
}
