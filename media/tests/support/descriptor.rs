//! The Dependency Descriptor between a str0m client and its owner, as bytes.

use str0m::rtp::{Extension, ExtensionSerializer, ExtensionValues};

/// The Dependency Descriptor as it is on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawDescriptor(pub Vec<u8>);

#[derive(Debug)]
struct Raw;

/// The extension as a client knows it.
pub fn descriptor_extension() -> Extension {
    let uri = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
    Extension::with_serializer(uri, Raw)
}

impl ExtensionSerializer for Raw {
    fn write_to(&self, buffer: &mut [u8], values: &ExtensionValues) -> usize {
        let Some(RawDescriptor(bytes)) = values.user_values.get() else { return 0 };
        buffer[..bytes.len()].copy_from_slice(bytes);
        bytes.len()
    }

    fn parse_value(&self, buffer: &[u8], values: &mut ExtensionValues) -> bool {
        values.user_values.set(RawDescriptor(buffer.to_vec()));
        true
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }

    fn requires_two_byte_form(&self, values: &ExtensionValues) -> bool {
        // Also where there is none: the one-byte form has no empty elements.
        values.user_values.get::<RawDescriptor>().is_none_or(|RawDescriptor(bytes)| bytes.len() > 16)
    }
}
