//! What a file is, by its first bytes. What it is claimed to be is not looked at.

use std::str::FromStr;

/// As many of the first bytes as signatures reach.
pub const HEAD_BYTES: usize = 8 * 1024;

/// Pictures of dots: nothing in them runs. Only these are shown in a page; everything else is saved.
const RASTER_IMAGES: [&str; 5] = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"];

/// The media type of a file that begins with `head`.
pub fn media_type_of(head: &[u8]) -> &'static str {
    match infer::get(head) {
        Some(known) => known.mime_type(),
        None if is_text(head) => "text/plain",
        None => "application/octet-stream",
    }
}

/// Whether a browser may show it in a page.
pub fn is_raster_image(media_type: &str) -> bool {
    RASTER_IMAGES.contains(&media_type)
}

/// UTF-8 without control characters. A character that the end of `head` cuts is none of its faults.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() && head.len() >= HEAD_BYTES => {
            head.get(..error.valid_up_to()).and_then(|head| std::str::from_utf8(head).ok()).unwrap_or_default()
        }
        Err(_) => return false,
    };
    text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
}

/// Media types that may be uploaded: names, or beginnings of names with a `*` behind them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MediaTypes(pub Vec<MediaType>);

/// One of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MediaType(String);

impl MediaTypes {
    /// Pictures, sound, video, text, documents and archives; no programs.
    pub const DEFAULT: &'static str = "image/*,audio/*,video/*,text/plain,application/pdf,application/zip,application/gzip,\
        application/x-7z-compressed,application/vnd.openxmlformats-officedocument.*,application/vnd.oasis.opendocument.*";

    /// Whether files of this type may be uploaded.
    pub fn allow(&self, media_type: &str) -> bool {
        self.0.iter().any(|MediaType(allowed)| match allowed.strip_suffix('*') {
            Some(beginning) => media_type.starts_with(beginning),
            None => media_type == allowed,
        })
    }

    /// All of them, for people.
    pub fn names(&self) -> String {
        self.0.iter().map(|MediaType(name)| name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl Default for MediaTypes {
    fn default() -> Self {
        Self(Self::DEFAULT.split(',').map(|name| MediaType(name.to_owned())).collect())
    }
}

impl FromStr for MediaType {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "/.+-_".contains(c);
        let name = text.strip_suffix('*').unwrap_or(text);
        if text == "*" || (name.contains('/') && name.chars().all(is_known)) {
            Ok(Self(text.to_owned()))
        } else {
            Err("it is no media type")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_what_the_content_shows() {
        for (head, expected) in [
            (&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], "image/png"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "image/jpeg"),
            (b"GIF89a\x01\0\x01\0", "image/gif"),
            (b"%PDF-1.7\n", "application/pdf"),
            (b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff", "application/vnd.microsoft.portable-executable"),
            (b"<!DOCTYPE html><script>alert(1)</script>", "text/html"),
            (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "text/plain"),
            ("обычный текст\r\n\tи ещё".as_bytes(), "text/plain"),
            (b"with a \0 in it", "application/octet-stream"),
            (b"\xfe\xfdsomething", "application/octet-stream"),
        ] {
            assert_eq!(media_type_of(head), expected, "{}", String::from_utf8_lossy(head));
        }
        let cut = "я".repeat(HEAD_BYTES);
        assert_eq!(media_type_of(&cut.as_bytes()[..HEAD_BYTES]), "text/plain");
        assert_eq!(media_type_of(&[b"x".as_slice(), &cut.as_bytes()[..HEAD_BYTES - 1]].concat()), "text/plain");
        assert_eq!(
            media_type_of(&"я".as_bytes()[..1]),
            "application/octet-stream",
            "it is not the end of the head that cuts"
        );
    }

    #[test]
    fn nothing_that_runs_is_shown() {
        for media_type in ["text/html", "text/plain", "image/svg+xml", "text/xml", "application/pdf"] {
            assert!(!is_raster_image(media_type), "{media_type}");
        }
        assert!(is_raster_image("image/png"));
    }

    #[test]
    fn types_are_allowed_by_name_or_beginning() {
        let types = MediaTypes::default();
        for allowed in ["image/png", "video/mp4", "text/plain", "application/vnd.oasis.opendocument.text"] {
            assert!(types.allow(allowed), "{allowed}");
        }
        for refused in
            ["text/html", "application/octet-stream", "application/x-executable", "images/png", "text/plain2"]
        {
            assert!(!types.allow(refused), "{refused}");
        }
        assert!(MediaTypes(vec!["*".parse().unwrap()]).allow("application/octet-stream"));
        for wrong in ["", "png", "image/ png", "Image/png", "*/png", "image/*;q=1"] {
            assert!(wrong.parse::<MediaType>().is_err(), "{wrong:?}");
        }
        assert!(MediaTypes::DEFAULT.split(',').all(|name| name.parse::<MediaType>().is_ok()));
    }
}
