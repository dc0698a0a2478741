//! Members of a room talk while their sockets are cut and the server is killed, or loses its power, again and again. In the end
//! every message is stored once, and every member has seen each once and in the order in which they were stored.
//!
//! Sizes are those of [`Sizes`]: a tenth runs by default, the whole with `CHAT_FAULTS=whole`. `CHAT_FAULTS_DATABASE_URL`
//! names another database than SQLite, which must be empty:
//!
//! ```sh
//! CHAT_FAULTS=whole cargo test -p boltorezka --test chat_faults -- --nocapture
//! ```
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used, clippy::print_stderr)]

#[path = "../common/mod.rs"]
mod common;
mod member;
mod power;
mod verdict;

use std::sync::Arc;
use std::time::{Duration, Instant};

use boltorezka_proto::rest::{CreateRoomRequest, RoomKind, SetupRequest};
use boltorezka_proto::{DisplayName, RoomSlug, RoomTitle};
use boltorezka_sdk::Client;
use common::{Place, Server};
use futures_util::future::join_all;
use member::{Member, Shared};
use power::Power;
use tokio::sync::mpsc;

/// How large a run is.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    members: usize,
    /// Of all members together.
    messages: usize,
    /// Sockets that are cut.
    cuts: usize,
    /// How often the server is killed.
    kills: usize,
    /// Who is not through by then never will be.
    patience: Duration,
}

/// What is to be shown.
const WHOLE: Sizes =
    Sizes { members: 200, messages: 10_000, cuts: 1_000, kills: 10, patience: Duration::from_secs(1_200) };
/// What there is time for each time.
const TENTH: Sizes = Sizes { members: 20, messages: 1_000, cuts: 100, kills: 2, patience: Duration::from_secs(90) };

/// The rates and bounds that an honest client of this room would meet: many members come from one address, and come back
/// often.
const LIMITS_OFF: [&str; 7] = [
    "--limits-register-per-address-per-minute=off",
    "--limits-requests-per-address-per-s=off",
    "--limits-tickets-per-user-per-minute=off",
    "--limits-sockets-per-user=off",
    "--limits-requests-per-socket-per-s=off",
    "--limits-requests-per-user-per-s=off",
    "--limits-messages-per-user-per-s=off",
];

impl Sizes {
    /// As the environment says.
    fn asked() -> Self {
        match std::env::var("CHAT_FAULTS").as_deref() {
            Err(_) => TENTH,
            Ok("whole") => WHOLE,
            Ok(other) => panic!("CHAT_FAULTS={other} is not known; it may be \"whole\""),
        }
    }
}

#[test]
fn what_is_acked_is_stored_once_and_seen_once_through_cuts_and_kills() {
    let database_url = std::env::var("CHAT_FAULTS_DATABASE_URL").ok();
    let database_flag = database_url.map(|url| format!("--database-url={url}"));
    let flags: Vec<&str> = LIMITS_OFF.into_iter().chain(database_flag.as_deref()).collect();
    talk_through(Place::new(), None, &flags);
}

#[test]
fn what_is_acked_was_synced_before() {
    let mut place = Place::new();
    let power = Power::of(&mut place);
    talk_through(place, Some(&power), &LIMITS_OFF);
}

/// With a power supply, that is cut at each kill.
fn talk_through(mut place: Place, power: Option<&Power>, flags: &[&str]) {
    let sizes = Sizes::asked();
    let mut server = place.serve(flags);
    // Clients come back to the address that they know.
    place.http = server.origin.trim_start_matches("http://").to_owned();

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let owner_link = server.stdout_line("owner link: ");
    let members = runtime.block_on(enter(&server.origin, &owner_link, sizes));
    let shared = Arc::new(Shared::default());
    let (mut cutters, mut tasks) = (Vec::new(), Vec::new());
    for member in members {
        let (cutter, cuts) = mpsc::unbounded_channel();
        cutters.push(cutter);
        tasks.push(runtime.spawn(member.talk(cuts, shared.clone())));
    }

    let started = Instant::now();
    let wait_for = |what: &str, count: &dyn Fn() -> usize, wanted: usize| {
        while count() < wanted && started.elapsed() < sizes.patience {
            std::thread::sleep(Duration::from_millis(1));
        }
        if count() < wanted {
            eprintln!("only {} of {wanted} {what} after {:?}", count(), sizes.patience);
        }
    };
    // The faults are spread over the messages, so that each meets some that are on their way.
    for (acked, fault) in schedule(sizes) {
        wait_for("messages are acked", &|| shared.acked(), acked);
        match fault {
            Fault::Cut(member) => cutters[member].send(()).unwrap(),
            Fault::Kill => server = kill_and_restart(server, &place, power, flags),
        }
    }
    wait_for("messages are acked", &|| shared.acked(), sizes.messages);
    wait_for("messages are seen", &|| shared.seen(), sizes.messages * sizes.members);
    wait_for("sockets are cut", &|| shared.cuts(), sizes.cuts);
    let took = started.elapsed();

    shared.stop();
    let records: Vec<_> = runtime.block_on(join_all(tasks)).into_iter().map(Result::unwrap).collect();
    let history = runtime.block_on(records[0].access.history()).unwrap();
    let sum = |count: fn(&member::Record) -> usize| records.iter().map(count).sum::<usize>();
    eprintln!(
        "{sizes:?}: {took:.1?}, {} connections, {} sends repeated, {} acks of what was stored before, {} messages read \
         after a break",
        sum(|record| record.connections.len()),
        sum(|record| record.repeated),
        sum(|record| record.duplicates),
        sum(|record| record.caught_up),
    );
    let mut faults = verdict::faults(&history, &records, sizes.messages / sizes.members);
    for record in &records {
        let (user, room) = runtime.block_on(record.access.listed()).unwrap();
        let fault = verdict::miscounted(&history, user.id, room.as_ref());
        faults.extend(fault.map(|fault| format!("{}: {fault}", record.number)));
    }
    assert!(
        faults.is_empty(),
        "{} faults, the first of them:\n{}",
        faults.len(),
        faults[..faults.len().min(20)].join("\n")
    );
    // Else the faults met nothing, and the test has shown nothing.
    assert_eq!(shared.cuts(), sizes.cuts);
    assert!(sum(|record| record.repeated) > sizes.kills, "no send was repeated");
    assert!(sum(|record| record.duplicates) > 0, "no ack was lost");
    assert!(sum(|record| record.caught_up) > sizes.cuts, "nothing was said while somebody was away");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

enum Fault {
    /// The socket of this member.
    Cut(usize),
    Kill,
}

/// The faults, each with the number of acked messages at which it comes.
fn schedule(sizes: Sizes) -> Vec<(usize, Fault)> {
    let at = |n: usize, of: usize| (n + 1) * sizes.messages / (of + 1);
    let cuts = (0..sizes.cuts).map(|n| (at(n, sizes.cuts), Fault::Cut(n % sizes.members)));
    let kills = (0..sizes.kills).map(|n| (at(n, sizes.kills), Fault::Kill));
    let mut faults: Vec<_> = cuts.chain(kills).collect();
    faults.sort_by_key(|(acked, _)| *acked);
    faults
}

/// Makes the room and an account for each member.
async fn enter(origin: &str, owner_link: &str, sizes: Sizes) -> Vec<Member> {
    let display_name = |name: &str| DisplayName::new(name).unwrap();
    let password = "correct horse battery".to_owned();
    let setup = SetupRequest {
        token: owner_link.split_once("token=").unwrap().1.trim().to_owned(),
        email: "olga@example.org".into(),
        password: password.clone(),
        display_name: display_name("Olga"),
    };
    let (owner, _) = Client::set_up(origin, &setup).await.unwrap();
    let (slug, title) = (RoomSlug::new("faults").unwrap(), RoomTitle::new("Faults").unwrap());
    let room = CreateRoomRequest { slug, title, kind: RoomKind::Text, capacity: None, settings: Default::default() };
    let room = owner.create_room(&room).await.unwrap().slug;
    let mut members = Vec::new();
    for number in 0..sizes.members {
        let name = format!("member-{number}");
        let email = format!("{name}@example.org");
        let (client, _) = Client::register(origin, &email, &password, display_name(&name)).await.unwrap();
        members.push(Member::new(number, client, room.clone(), sizes.messages / sizes.members));
    }
    members
}

fn kill_and_restart(mut server: Server, place: &Place, power: Option<&Power>, flags: &[&str]) -> Server {
    server.signal("KILL");
    server.wait();
    if let Some(power) = power {
        power.cut(place);
    }
    place.serve(flags)
}
