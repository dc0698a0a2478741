pub mod client;
pub mod node;
pub mod offers;
pub mod oidc;
pub mod passkeys;
#[path = "../../support/postgres.rs"]
pub mod postgres;
pub mod push;
#[path = "../../support/s3.rs"]
pub mod s3;
pub mod server;
pub mod socket;
pub mod workspaces;

pub use client::Client;
pub use node::TestNode;
pub use server::TestServer;
pub use socket::Socket;
