//! From the offer to the first picture.

use std::time::Duration;

use boltorezka_sdk::call::CallConfig;

use crate::server::Server;
use crate::{camera, options, percentile, sender, turn, voice};

const JOINS: usize = 100;
/// Between two joins: the server merges the keyframe requests of people who come at once, and this is not about that.
const PAUSE_MS: u64 = 400;
/// On loopback a join is a few round trips of software and one keyframe. A machine that is busy with other things needs
/// longer; what is lost and sent again, or forgotten, costs more than this.
const P95_MAX: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_people_see_a_picture_soon_after_their_offer() {
    let _turn = turn().await;
    let server = Server::start(1).await;
    let room = server.create_room("join-time").await;
    let speaker = server.join(&room, "speaker", options(sender())).await;
    speaker.call.play(voice()).await.unwrap();
    speaker.call.play(camera("vp8-180.ivf")).await.unwrap();

    let (mut connected, mut first) = (Vec::new(), Vec::new());
    for index in 0..JOINS {
        let config = CallConfig { video_slots: 1, ..CallConfig::default() };
        let person = server.join(&room, &format!("person {index}"), options(config)).await;
        let stats = loop {
            let stats = person.call.stats().await;
            if stats.first_keyframe_after().is_some() {
                break stats;
            }
            let waited = stats.offered_at.unwrap().elapsed();
            assert!(waited < Duration::from_secs(10), "no picture: {:?} {stats:?}", person.call.state());
            crate::sleep_ms(2).await;
        };
        assert_eq!(stats.datagrams_dropped, 0);
        connected.push(stats.connected_after.unwrap());
        first.push(stats.first_keyframe_after().unwrap());
        person.call.leave().await.unwrap();
        crate::sleep_ms(PAUSE_MS).await;
    }
    connected.sort();
    first.sort();
    println!(
        "{JOINS} joins: connected after p50 {:?}, p95 {:?}; first decodable picture after p50 {:?}, p95 {:?}, max {:?}",
        percentile(&connected, 50),
        percentile(&connected, 95),
        percentile(&first, 50),
        percentile(&first, 95),
        first[JOINS - 1],
    );
    assert!(percentile(&first, 95) < P95_MAX);
}
