//! Signing in by OpenID Connect: an identity provider of the operator's choice says who somebody is.
//!
//! The authorization code flow with PKCE (OpenID Connect Core 1.0, RFC 7636, RFC 9207). Beginning it takes a request of our
//! own page, and its half that must not be known elsewhere lies sealed in a cookie of the browser that began: nobody ends
//! what another browser began. Where an account has a second factor, it is asked for as after a password.
//!
//! | file | job |
//! |---|---|
//! | `config.rs` | the settings |
//! | `fetch.rs` | bounded requests to the provider |
//! | `provider.rs` | what the provider says of itself, its keys, codes for tokens |
//! | `id_token.rs` | checking an ID token |
//! | `claims.rs` | what is said of a person |
//! | `attempt.rs` | the browser's half of a sign-in |
//! | `routes.rs`, `callback.rs`, `link_routes.rs` | the way in, the way back, one's own link |

mod attempt;
mod callback;
mod claims;
mod config;
mod fetch;
mod id_token;
mod link_routes;
mod provider;
mod routes;

pub use config::OidcConfig;
pub use link_routes::link_view;
pub use provider::Provider;
pub use routes::routes;
