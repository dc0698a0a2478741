//! Who somebody is: passwords, sessions, tickets, API keys, join tokens.

mod caller;
mod feature;
mod join_token;
mod origin;
mod owner;
mod password;
mod routes;
mod session;
mod token;

pub use caller::{Caller, ClientAddress, Identified, SignedBearer, WorkspaceCaller, identify};
pub use feature::Accounts;
pub use join_token::{JoinClaims, JoinTokens};
pub use origin::{check_origin, is_foreign_upgrade};
pub use owner::{owner_token, signing_key};
pub use password::Passwords;
use routes::routes;
pub use session::session_layer;
pub use token::{API_KEY_PREFIX, TokenHash, hash_token, new_token, random_bytes};

/// Name of the session cookie.
pub const SESSION_COOKIE: &str = "boltorezka_session";
