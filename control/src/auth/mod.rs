//! Who somebody is: passwords, identities of a provider, sessions, tickets, API keys, join tokens.

mod api_key;
mod caller;
mod erasure;
mod feature;
mod join_token;
mod link_routes;
mod oidc;
mod origin;
mod owner;
mod passkeys;
mod password;
mod routes;
mod seal;
mod sealed_cookie;
mod second_factor;
mod session;
mod session_routes;
mod token;
mod totp;

pub use api_key::new_api_key;
pub use caller::{Caller, ClientAddress, Identified, SignedBearer, SignedIn, WorkspaceCaller, identify};
pub use feature::Accounts;
pub use join_token::{JoinClaims, JoinTokens};
pub use link_routes::{hand_out, link_life_ms, link_page};
pub use oidc::{OidcConfig, Provider};
pub use origin::{check_origin, is_foreign_upgrade};
pub use owner::{owner_token, signing_key};
pub use password::Passwords;
pub use routes::check_email;
use routes::routes;
pub use seal::{SEAL_FILE, Sealer};
pub use session::session_layer;
pub use token::{TokenHash, hash_token, new_token, random_bytes};

/// Name of the session cookie.
pub const SESSION_COOKIE: &str = "boltorezka_session";
