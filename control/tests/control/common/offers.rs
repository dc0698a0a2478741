//! An offer, by WHIP or WHEP.

use reqwest::Method;

use super::Client;
use super::client::Answer;

/// Of one microphone.
pub const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
    c=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=fingerprint:sha-256 00:11\r\n\
    a=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtpmap:111 opus/48000/2\r\n";

pub async fn offer(client: &Client, path: &str) -> Answer {
    let request = client.request(Method::POST, path).header("content-type", "application/sdp");
    client.finish(request.body(OFFER)).await
}
