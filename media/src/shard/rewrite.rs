//! From what the router decided to what str0m sends.

use std::sync::Arc;

use str0m::rtp::{RtpWrite, VideoOrientation, Vp8Descriptor};

use crate::rtp::{Rewrite, vp9};

/// The orientation that the two bits of a packet stand for.
pub fn orientation_of(bits: u8) -> VideoOrientation {
    match bits {
        1 => VideoOrientation::Deg270,
        2 => VideoOrientation::Deg180,
        3 => VideoOrientation::Deg90,
        _ => VideoOrientation::Deg0,
    }
}

/// A VP9 payload with another picture id: a copy, since the payload is shared.
pub fn rewritten_vp9(payload: &Arc<[u8]>, rewrite: Rewrite) -> Arc<[u8]> {
    let Some(picture_id) = rewrite.picture_id else { return payload.clone() };
    let mut copy = payload.to_vec();
    vp9::set_picture_id(&mut copy, picture_id);
    copy.into()
}

/// Lets str0m write other numbers into a VP8 payload's descriptor while it copies.
pub fn with_vp8_rewrite(write: RtpWrite, payload: &[u8], rewrite: Rewrite) -> RtpWrite {
    let Ok(descriptor) = Vp8Descriptor::parse(payload) else { return write };
    let mut patch = descriptor.patch();
    if let Some(picture_id) = rewrite.picture_id {
        patch = patch.picture_id(picture_id);
    }
    if let Some(tl0_pic_idx) = rewrite.tl0_pic_idx {
        patch = patch.tl0_pic_idx(tl0_pic_idx);
    }
    match patch.build() {
        Ok(patch) => write.vp8_patch(patch),
        Err(_) => write,
    }
}
