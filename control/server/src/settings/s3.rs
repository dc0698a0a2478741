//! The settings of an S3 store, for [`super::KEYS`].

use std::borrow::Cow;

use boltorezka_control::S3Addressing;

use super::parse::{choice, one};
use super::{Key, S3_PREFIX, S3_REGION};

/// All of them, in the order of the documentation.
pub fn keys() -> [Key; 7] {
    [
        Key {
            name: "s3_endpoint",
            default: None,
            otherwise: "none: files are in `data_dir`",
            values: "an address such as https://s3.eu-central-1.amazonaws.com",
            meaning: "A store that speaks S3, to keep files of messages in; with `s3_bucket`, `s3_access_key_id` and `s3_secret_access_key`. http:// only where nobody can listen: files travel in the clear.",
            many: false,
            node: false,
            set: |settings, _, values| {
                one(values).map(|url| settings.s3_endpoint = Some(url.trim_end_matches('/').to_owned()))
            },
        },
        Key {
            name: "s3_region",
            default: Some(Cow::Borrowed(S3_REGION)),
            otherwise: "",
            values: "a text that the store has given",
            meaning: "The region of the bucket. Stores that have none take any, or this.",
            many: false,
            node: false,
            set: |settings, _, values| one(values).map(|region| settings.s3_region = region.to_owned()),
        },
        Key {
            name: "s3_bucket",
            default: None,
            otherwise: "none",
            values: "the name of a bucket that is there",
            meaning: "Where files are kept in the store. Nobody but this server needs rights there.",
            many: false,
            node: false,
            set: |settings, _, values| one(values).map(|bucket| settings.s3_bucket = Some(bucket.to_owned())),
        },
        Key {
            name: "s3_prefix",
            default: Some(Cow::Borrowed(S3_PREFIX)),
            otherwise: "",
            values: "names with slashes between, such as talk/attachments; / for none",
            meaning: "What the keys of all objects begin with. Servers with databases of their own need prefixes of their own.",
            many: false,
            node: false,
            set: |settings, _, values| {
                settings.s3_prefix = match one(values)?.trim_end_matches('/') {
                    "" => String::new(),
                    names => format!("{names}/"),
                };
                Ok(())
            },
        },
        Key {
            name: "s3_access_key_id",
            default: None,
            otherwise: "none",
            values: "a text that the store has given",
            meaning: "Who this server is to the store. It must be allowed to list the bucket, and to get, put and delete its objects.",
            many: false,
            node: false,
            set: |settings, _, values| one(values).map(|id| settings.s3_access_key_id = Some(id.to_owned())),
        },
        Key {
            name: "s3_secret_access_key",
            default: None,
            otherwise: "none",
            values: "a text that the store has given",
            meaning: "What requests to the store are signed with. It is never sent.",
            many: false,
            node: false,
            set: |settings, _, values| {
                one(values).map(|secret| settings.s3_secret_access_key = Some(secret.to_owned()))
            },
        },
        Key {
            name: "s3_addressing",
            default: Some(Cow::Borrowed("path")),
            otherwise: "",
            values: "path, host",
            meaning: "Where the bucket's name stands: behind the store's host, which all stores take, or before it, as some want.",
            many: false,
            node: false,
            set: |settings, _, values| {
                let choices = [("path", S3Addressing::Path), ("host", S3Addressing::Host)];
                choice(values, &choices).map(|addressing| settings.s3_addressing = addressing)
            },
        },
    ]
}
