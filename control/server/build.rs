//! Builds the server again when the web client that it embeds was built again.

fn main() {
    // A folder that is not there counts as changed, so a first build of the client is seen too.
    println!("cargo:rerun-if-changed=../../clients/web/dist");
}
