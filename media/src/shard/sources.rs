//! The sources (SSRC) that clients are told of in answers, taken away from str0m.
//!
//! str0m makes a sending stream for each section and announces its source. The egress sends under that source, and nobody
//! else may: the stream is removed before str0m could use it, and a later answer, for which str0m makes new ones, is
//! corrected to say the same as the first.

use str0m::change::SdpOffer;
use str0m::media::Mid;
use str0m::rtp::{Extension, Ssrc};
use str0m::{Rtc, RtcError};

use super::extensions::dependency_extension;
use crate::egress::{ExtensionIds, StreamConfig};

/// The sources of one connection, one or two a section.
#[derive(Debug)]
pub struct Sources {
    /// The name that all of them have: they have one clock (RFC 7022).
    cname: String,
    sections: Vec<(Mid, Ssrc, Option<Ssrc>)>,
}

impl Sources {
    /// No sources yet.
    pub fn new(cname: String) -> Self {
        Self { cname, sections: Vec::new() }
    }

    /// Answers an offer with sources that only the egress uses. Slots of one group of `lip_sync` are of one media stream: that
    /// is what browsers play in step.
    ///
    /// # Errors
    /// What str0m says of the offer.
    pub fn answer(&mut self, rtc: &mut Rtc, offer: SdpOffer, lip_sync: &[Vec<String>]) -> Result<String, RtcError> {
        let answer = rtc.sdp_api().accept_offer(offer)?.to_sdp_string();
        let mut replaced = Vec::new();
        let mids: Vec<Mid> = answer.lines().filter_map(|line| line.strip_prefix("a=mid:")).map(Mid::from).collect();
        for mid in mids {
            let mut direct = rtc.direct_api();
            let Some(stream) = direct.stream_tx_by_mid(mid, None) else { continue };
            let (ssrc, rtx) = (stream.ssrc(), stream.rtx());
            direct.remove_stream_tx(ssrc);
            match self.sections.iter_mut().find(|(known, ..)| *known == mid) {
                Some((_, kept, kept_rtx)) => {
                    replaced.push((ssrc, *kept));
                    replaced.extend(rtx.map(|rtx| (rtx, *kept_rtx.get_or_insert(rtx))));
                }
                None => self.sections.push((mid, ssrc, rtx)),
            }
        }
        Ok(in_step(corrected(&answer, &replaced, &self.cname), lip_sync))
    }

    /// What was agreed on for a section.
    pub fn config(&self, rtc: &Rtc, mid: Mid) -> StreamConfig {
        let Some(media) = rtc.media(mid) else { return StreamConfig::default() };
        let id = |extension| media.remote_extmap().id_of(extension);
        let extensions = ExtensionIds {
            transport_wide: id(Extension::TransportSequenceNumber),
            audio_level: id(Extension::AudioLevel),
            video_orientation: id(Extension::VideoOrientation),
            dependency: id(dependency_extension()),
        };
        let params = rtc.codec_config().params().iter().filter(|params| media.remote_pts().contains(&params.pt()));
        let rtx_payload_types = params.filter_map(|params| Some((*params.pt(), *params.resend()?))).collect();
        let known = self.sections.iter().find(|(known, ..)| *known == mid);
        let (ssrc, rtx_ssrc) = known.map_or((0, None), |(_, ssrc, rtx)| (**ssrc, rtx.map(|rtx| *rtx)));
        StreamConfig { ssrc, rtx_ssrc, rtx_payload_types, extensions }
    }

    /// Whether a datagram of str0m's is media, or a report under one of our sources: either would use numbers of the
    /// egress a second time under the same key.
    pub fn are_used_by(&self, datagram: &[u8]) -> bool {
        let Some((&[first, second, _, _, s0, s1, s2, s3], _)) = datagram.split_first_chunk::<8>() else { return false };
        if !(128..192).contains(&first) {
            return false;
        }
        let sender = u32::from_be_bytes([s0, s1, s2, s3]);
        let is_report = (192..224).contains(&second);
        !is_report
            || self.sections.iter().any(|(_, ssrc, rtx)| **ssrc == sender || rtx.is_some_and(|rtx| *rtx == sender))
    }
}

/// The answer with other numbers for sources, and one name for all (RFC 5576).
fn corrected(answer: &str, replaced: &[(Ssrc, Ssrc)], cname: &str) -> String {
    let word = |word: &str| {
        let place = replaced.iter().find(|(from, _)| from.to_string() == word);
        place.map_or_else(|| word.to_owned(), |(_, to)| to.to_string())
    };
    let line = |line: &str| {
        if let Some(sources) = line.strip_prefix("a=ssrc-group:") {
            let words: Vec<String> = sources.split(' ').map(word).collect();
            return format!("a=ssrc-group:{}", words.join(" "));
        }
        match line.strip_prefix("a=ssrc:").and_then(|rest| rest.split_once(' ')) {
            Some((source, attribute)) if attribute.starts_with("cname:") => {
                format!("a=ssrc:{} cname:{cname}", word(source))
            }
            Some((source, attribute)) => format!("a=ssrc:{} {attribute}", word(source)),
            None => line.to_owned(),
        }
    };
    answer.lines().map(|text| line(text) + "\r\n").collect()
}

/// The answer with one stream (`a=msid` in RFC 8830) for the sections of each group: that of the first of them.
fn in_step(mut answer: String, groups: &[Vec<String>]) -> String {
    for group in groups {
        let lines: Vec<&str> = answer.lines().collect();
        let sections = lines.chunk_by(|_, next| !next.starts_with("m="));
        let value = |section: &[&str], start: &str| -> Option<String> {
            let value = section.iter().find_map(|line| line.strip_prefix(start))?;
            value.split(' ').next().map(str::to_owned)
        };
        let is_in_group = |section: &&[&str]| value(section, "a=mid:").is_some_and(|mid| group.contains(&mid));
        let streams: Vec<String> =
            sections.filter(is_in_group).filter_map(|section| value(section, "a=msid:")).collect();
        let Some((first, others)) = streams.split_first() else { continue };
        for other in others {
            answer = answer.replace(&format!("msid:{other} "), &format!("msid:{first} "));
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_keep_their_numbers_and_have_one_name() {
        let answer = "a=ssrc-group:FID 12 123\r\na=ssrc:12 cname:old\r\na=ssrc:123 msid:12 x\r\na=mid:12\r\n";
        let expected = "a=ssrc-group:FID 7 123\r\na=ssrc:7 cname:us\r\na=ssrc:123 msid:12 x\r\na=mid:12\r\n";
        assert_eq!(corrected(answer, &[(12.into(), 7.into())], "us"), expected);
    }

    #[test]
    fn sections_of_one_group_are_of_one_stream() {
        let answer = "m=audio\r\na=mid:1\r\na=msid:x a\r\nm=video\r\na=mid:2\r\na=msid:y b\r\na=ssrc:7 msid:y b\r\n\
            m=video\r\na=mid:3\r\na=msid:z c\r\n";
        let group = |mids: &[&str]| mids.iter().map(|mid| (*mid).to_owned()).collect::<Vec<_>>();
        let same = in_step(answer.to_owned(), &[group(&["2", "1"])]);
        assert_eq!(same, answer.replace("msid:y", "msid:x"));
        let unknown = [group(&["1", "9"]), group(&[]), group(&["3"])];
        assert_eq!(in_step(answer.to_owned(), &unknown), answer);
    }

    #[test]
    fn str0m_may_not_use_our_sources() {
        let sources = Sources { cname: String::new(), sections: vec![(Mid::from("0"), 7.into(), Some(8.into()))] };
        let report = |sender: u8| [0x80, 201, 0, 1, 0, 0, 0, sender];
        assert!(sources.are_used_by(&report(7)) && sources.are_used_by(&report(8)));
        assert!(!sources.are_used_by(&report(9)));
        assert!(sources.are_used_by(&[0x80, 96, 0, 1, 0, 0, 0, 9]), "media");
        assert!(!sources.are_used_by(&[22, 254, 253, 0, 0, 0, 0, 7]), "DTLS");
    }
}
