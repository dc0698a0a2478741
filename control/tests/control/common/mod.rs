pub mod client;
pub mod node;
pub mod server;
pub mod socket;

pub use client::Client;
pub use node::TestNode;
pub use server::TestServer;
pub use socket::Socket;
