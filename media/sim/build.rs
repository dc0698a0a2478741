//! Exports the simulator's own `getrandom` and `clock_gettime`, so that libraries that look them up by name find them.

fn main() {
    println!("cargo:rustc-link-arg=-rdynamic");
    println!("cargo:rerun-if-changed=build.rs");
}
