//! The settings of an S3 store, and what of them others may read.

use std::fmt;

use rusty_s3::{Bucket, UrlStyle};
use serde::{Deserialize, Serialize};

/// Longest prefix of keys in bytes; a key has at most 1,024, and an id is 32 of them.
const PREFIX_BYTES_MAX: usize = 200;

/// A bucket of a store that speaks S3, and who may use it.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Config {
    /// Where the store answers, such as `https://s3.eu-central-1.amazonaws.com`.
    pub endpoint: String,
    /// What it calls its region.
    pub region: String,
    /// The bucket, which is there already.
    pub bucket: String,
    /// What the keys of all objects begin with: empty, or with a slash at its end.
    pub prefix: String,
    /// Who asks.
    pub access_key_id: String,
    /// What proves it. It is never sent.
    pub secret_access_key: String,
    /// Where the bucket's name stands.
    pub addressing: S3Addressing,
}

/// Where the name of a bucket stands in an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum S3Addressing {
    /// `https://host/bucket/key`.
    #[default]
    Path,
    /// `https://bucket.host/key`.
    Host,
}

impl S3Config {
    /// Checks what can be checked without the network.
    ///
    /// # Errors
    /// What is wrong, with the setting and the cure.
    pub fn check(&self) -> Result<(), String> {
        if self.region.is_empty() || !self.region.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
            return Err("s3_region: it is no name of a region. Give one, such as eu-central-1.".to_owned());
        }
        let is_bucket = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if !(3..=63).contains(&self.bucket.len()) || !self.bucket.chars().all(is_bucket) || self.bucket.contains("..") {
            return Err(
                "s3_bucket: it is no name of a bucket. Give 3 to 63 letters, digits, dots and hyphens.".to_owned()
            );
        }
        self.check_prefix()?;
        for (name, value) in
            [("s3_access_key_id", &self.access_key_id), ("s3_secret_access_key", &self.secret_access_key)]
        {
            if !value.chars().all(|c| c.is_ascii_graphic()) {
                return Err(format!("{name}: it holds what no key has. Give it as the store shows it."));
            }
        }
        self.place_in_store().map(drop)
    }

    /// The bucket with its address.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(super) fn place_in_store(&self) -> Result<Bucket, String> {
        let wrong = |why: &dyn fmt::Display| {
            format!("s3_endpoint: {why}. Give scheme and host, such as https://s3.eu-central-1.amazonaws.com.")
        };
        if self.endpoint.contains(['@', '?', '#']) {
            return Err(wrong(&"it holds more than an address"));
        }
        let endpoint = self.endpoint.parse().map_err(|_| wrong(&"it is no address"))?;
        let style = match self.addressing {
            S3Addressing::Path => UrlStyle::Path,
            S3Addressing::Host => UrlStyle::VirtualHost,
        };
        Bucket::new(endpoint, style, self.bucket.clone(), self.region.clone()).map_err(|error| wrong(&error))
    }

    fn check_prefix(&self) -> Result<(), String> {
        let is_known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_name = |name: &str| !name.is_empty() && name != "." && name != ".." && name.chars().all(is_known);
        let names = self.prefix.strip_suffix('/');
        let is_right = self.prefix.is_empty() || names.is_some_and(|names| names.split('/').all(is_name));
        if is_right && self.prefix.len() <= PREFIX_BYTES_MAX {
            return Ok(());
        }
        Err(format!(
            "s3_prefix: give names of letters, digits, dots, hyphens and underlines with slashes between, such as \
             talk/attachments, of {PREFIX_BYTES_MAX} bytes at most."
        ))
    }

    /// Where the files are, without secrets.
    pub fn place(&self) -> S3Place {
        let Self { endpoint, bucket, prefix, .. } = self;
        S3Place { endpoint: endpoint.clone(), bucket: bucket.clone(), prefix: prefix.clone() }
    }
}

impl fmt::Debug for S3Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Config({})", self.place())
    }
}

/// Where files are in a store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct S3Place {
    /// Where the store answers.
    pub endpoint: String,
    /// The bucket.
    pub bucket: String,
    /// What keys begin with.
    pub prefix: String,
}

impl fmt::Display for S3Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bucket {:?} at {}, prefix {:?}", self.bucket, self.endpoint, self.prefix)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn config() -> S3Config {
        S3Config {
            endpoint: "https://s3.example".to_owned(),
            region: "eu-central-1".to_owned(),
            bucket: "talk".to_owned(),
            prefix: "attachments/".to_owned(),
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "hunter22".to_owned(),
            addressing: S3Addressing::Path,
        }
    }

    #[test]
    fn what_is_wrong_names_its_setting() {
        assert_eq!(config().check(), Ok(()));
        assert_eq!(S3Config { prefix: String::new(), ..config() }.check(), Ok(()));
        assert_eq!(S3Config { endpoint: "http://127.0.0.1:9000/s3".to_owned(), ..config() }.check(), Ok(()));
        let wrong = |setting: &str, change: &dyn Fn(&mut S3Config)| {
            let mut config = config();
            change(&mut config);
            let message = config.check().unwrap_err();
            assert!(message.starts_with(setting) && !message.contains("hunter22"), "{message}");
        };
        for endpoint in ["", "s3.example", "ftp://s3.example", "https://", "https://a:b@s3.example", "https://x/?a=b"] {
            wrong("s3_endpoint", &|config| config.endpoint = endpoint.to_owned());
        }
        for bucket in ["", "ab", "a/b/c", "../talk", "a..b", "bucket name", &"x".repeat(64)] {
            wrong("s3_bucket", &|config| config.bucket = bucket.to_owned());
        }
        for prefix in
            ["attachments", "/", "/a/", "a//b/", "../", "a/./", "a b/", "a?/", &format!("{}/", "x".repeat(200))]
        {
            wrong("s3_prefix", &|config| config.prefix = prefix.to_owned());
        }
        wrong("s3_region", &|config| config.region = "eu/1".to_owned());
        wrong("s3_access_key_id", &|config| config.access_key_id = "a b".to_owned());
        wrong("s3_secret_access_key", &|config| config.secret_access_key = "hunter22\n".to_owned());
        // An address of numbers has no place for a name before it.
        let by_host =
            |endpoint: &str| S3Config { addressing: S3Addressing::Host, endpoint: endpoint.to_owned(), ..config() };
        assert!(by_host("https://127.0.0.1").check().unwrap_err().starts_with("s3_endpoint"));
        let bucket = by_host("https://s3.example").place_in_store().unwrap();
        assert_eq!(bucket.object_url("attachments/1").as_str(), "https://talk.s3.example/attachments/1");
    }

    #[test]
    fn the_secret_is_never_shown() {
        assert!(!format!("{:?}", config()).contains("hunter22"));
    }
}
