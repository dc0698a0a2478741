use boltorezka_proto::call::MediaPermissions;

use super::*;
use crate::shard::ResumeGrant;

fn key(epoch: u64) -> ResumeKey {
    ResumeKey::new(&[7; 32], epoch, Instant::now())
}

fn admitted() -> Admitted {
    Admitted { participant_id: ParticipantId::generate(), room: RoomId::generate(), permissions: MediaPermissions::ALL }
}

fn control(registry: &mut Registry, message: ControlMessage) -> Output {
    let mut output = Output::default();
    registry.handle_control(Instant::now(), message, &mut output);
    output
}

fn shard(registry: &mut Registry, shard: u8, event: ShardEvent) -> Vec<MediaMessage> {
    let mut output = Output::default();
    registry.handle_shard(Instant::now(), shard, event, &mut output);
    output.messages
}

fn ready() -> Registry {
    let mut registry = Registry::new(key(1), 2, 1000);
    registry.control_connected();
    control(&mut registry, ControlMessage::Snapshot { rev: 1, admitted: vec![] });
    for shard_index in 0..2 {
        shard(&mut registry, shard_index, ShardEvent::Applied { rev: 1 });
    }
    registry
}

fn admit(admitted: &Admitted) -> ControlMessage {
    let offer = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n".into();
    ControlMessage::Admit { request_id: 7, admitted: admitted.clone(), offer }
}

#[test]
fn nobody_is_taken_before_a_snapshot() {
    let mut registry = Registry::new(key(1), 1, 1000);
    registry.control_connected();
    let output = control(&mut registry, admit(&admitted()));
    assert!(matches!(&output.messages[..], [MediaMessage::Refused { request_id: 7, .. }]));
    assert!(output.commands.is_empty() && registry.is_empty());
}

#[test]
fn a_revocation_wins_over_an_admission_on_its_way() {
    let mut registry = ready();
    let late = admitted();
    let revoke = ControlMessage::Revoke { rev: 2, participant_id: late.participant_id, reason: EndReason::Kicked };
    control(&mut registry, revoke);
    registry.control_connected();
    control(&mut registry, ControlMessage::Snapshot { rev: 2, admitted: vec![late.clone()] });
    let output = control(&mut registry, admit(&late));
    assert!(matches!(&output.messages[..], [MediaMessage::Refused { code: ErrorCode::Forbidden, .. }]));
}

#[test]
fn who_the_snapshot_lacks_is_ended_before_it_counts_as_applied() {
    let mut registry = ready();
    let (stays, goes) = (admitted(), admitted());
    for admitted in [&stays, &goes] {
        control(&mut registry, admit(admitted));
    }
    registry.control_connected();
    let output = control(&mut registry, ControlMessage::Snapshot { rev: 5, admitted: vec![stays.clone()] });
    let revoked: Vec<_> = output
        .commands
        .iter()
        .filter_map(|(_, command)| match command {
            ShardCommand::Revoke { participant_id, .. } => Some(*participant_id),
            _ => None,
        })
        .collect();
    assert_eq!(revoked, [goes.participant_id; 2], "both shards are told");
    assert!(shard(&mut registry, 0, ShardEvent::Applied { rev: 2 }).is_empty(), "one shard is not all");
    assert_eq!(shard(&mut registry, 1, ShardEvent::Applied { rev: 2 }), [MediaMessage::Applied { rev: 5 }]);
}

#[test]
fn an_answer_for_an_earlier_control_goes_nowhere() {
    let mut registry = ready();
    let output = control(&mut registry, admit(&admitted()));
    let Some((shard_index, ShardCommand::Admit { request_id, .. })) = output.commands.first() else {
        panic!("no admit: {output:?}");
    };
    let (shard_index, request_id) = (u8::try_from(*shard_index).unwrap(), *request_id);
    registry.control_connected();
    assert!(shard(&mut registry, shard_index, ShardEvent::Answer { request_id, sdp: "v=0".into() }).is_empty());
}

#[test]
fn a_refused_newcomer_leaves_no_trace() {
    let mut registry = ready();
    control(&mut registry, admit(&admitted()));
    assert!(!registry.is_empty());
    let refused = ShardEvent::Refused { request_id: 1, code: ErrorCode::UnacceptableOffer, message: "no".into() };
    assert_eq!(shard(&mut registry, 0, refused).len(), 1);
    assert!(registry.is_empty());
}

#[test]
fn a_revocation_that_crosses_a_rejoin_still_ends_it() {
    let mut registry = ready();
    let who = admitted();
    let (participant_id, room) = (who.participant_id, who.room);
    let output = control(&mut registry, admit(&who));
    let Some((shard_index, _)) = output.commands.first() else { panic!("no admit: {output:?}") };
    let shard_index = u8::try_from(*shard_index).unwrap();
    control(&mut registry, admit(&who));
    // The shard let the participant go before it saw the second admission.
    shard(&mut registry, shard_index, ShardEvent::Left { participant_id, room, reason: EndReason::Timeout });
    let revoke = ControlMessage::Revoke { rev: 2, participant_id, reason: EndReason::Banned };
    let output = control(&mut registry, revoke);
    let reaches = |(to, command): &(usize, ShardCommand)| {
        *to == usize::from(shard_index) && matches!(command, ShardCommand::Revoke { .. })
    };
    assert!(output.commands.iter().any(reaches), "{output:?}");
    let status = ParticipantStatus { participant_id, room, state: ConnectionState::Connecting, tracks: vec![] };
    assert!(shard(&mut registry, shard_index, ShardEvent::Status(status)).is_empty());
    assert!(registry.is_empty());
}

#[test]
fn a_refusal_for_an_earlier_control_still_frees_the_seat() {
    let mut registry = ready();
    control(&mut registry, admit(&admitted()));
    registry.control_connected();
    let refused = ShardEvent::Refused { request_id: 1, code: ErrorCode::Invalid, message: "no".into() };
    assert!(shard(&mut registry, 0, refused).is_empty());
    assert!(registry.is_empty());
}

#[test]
fn counters_of_shards_are_summed_and_replaced() {
    let mut registry = ready();
    let counters = |received| ShardEvent::Counters(Counters { packets_received: received, ..Counters::default() });
    shard(&mut registry, 0, counters(5));
    shard(&mut registry, 1, counters(2));
    shard(&mut registry, 0, counters(9));
    assert_eq!(registry.load().packets_received, 11);
}

/// An offer that can be read; nothing here answers it.
const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

fn resume(token: &str) -> ControlMessage {
    ControlMessage::Resume { request_id: 9, token: token.to_owned(), offer: OFFER.to_owned() }
}

fn grant(who: &Admitted, shard: u8) -> ResumeGrant {
    let Admitted { participant_id, room, .. } = *who;
    ResumeGrant { participant_id, room, shard, expires_at: Instant::now() + Duration::from_secs(60) }
}

/// Why nothing was done.
fn refusal(output: &Output) -> (ErrorCode, &str) {
    assert!(output.commands.is_empty(), "{output:?}");
    match &output.messages[..] {
        [MediaMessage::Refused { code, message, .. }] => (*code, message),
        messages => panic!("{messages:?}"),
    }
}

#[test]
fn a_token_leads_to_its_shard_whatever_control_knows() {
    let (mut registry, who) = (ready(), admitted());
    let token = key(1).sign(&grant(&who, 0));
    assert_eq!(refusal(&control(&mut registry, resume(&token))).0, ErrorCode::NotFound, "never here");
    control(&mut registry, admit(&who));
    let output = control(&mut registry, resume(&token));
    let [(0, ShardCommand::Resume { request_id, grant: found, .. })] = &output.commands[..] else {
        panic!("{output:?}")
    };
    assert_eq!((found.participant_id, found.room), (who.participant_id, who.room));
    let answer = shard(&mut registry, 0, ShardEvent::Answer { request_id: *request_id, sdp: "v=0".into() });
    assert_eq!(answer, [MediaMessage::Answer { request_id: 9, sdp: "v=0".into() }]);
    let elsewhere = key(1).sign(&grant(&who, 1));
    assert_eq!(refusal(&control(&mut registry, resume(&elsewhere))).0, ErrorCode::NotFound);
    let other_room = key(1).sign(&ResumeGrant { room: RoomId::generate(), ..grant(&who, 0) });
    assert_eq!(refusal(&control(&mut registry, resume(&other_room))).0, ErrorCode::NotFound);
}

#[test]
fn a_token_that_is_none_is_refused_by_what_is_wrong_with_it() {
    let (mut registry, who) = (ready(), admitted());
    control(&mut registry, admit(&who));
    let says = |registry: &mut Registry, token: &str, words: &str| {
        let output = control(registry, resume(token));
        let (code, message) = refusal(&output);
        assert_eq!(code, ErrorCode::InvalidToken);
        assert!(message.contains(words), "{message}");
    };
    let token = key(1).sign(&grant(&who, 0));
    says(&mut registry, "", "no resume token");
    says(&mut registry, &token[1..], "no resume token");
    says(&mut registry, &key(2).sign(&grant(&who, 0)), "restarted");
    says(&mut registry, &ResumeKey::new(&[8; 32], 1, Instant::now()).sign(&grant(&who, 0)), "signed");
}

#[test]
fn a_revocation_makes_a_token_worthless_at_once() {
    let (mut registry, who) = (ready(), admitted());
    control(&mut registry, admit(&who));
    let participant_id = who.participant_id;
    control(&mut registry, ControlMessage::Revoke { rev: 2, participant_id, reason: EndReason::Kicked });
    // The shard has not said yet that it let the participant go.
    let output = control(&mut registry, resume(&key(1).sign(&grant(&who, 0))));
    assert_eq!(refusal(&output).0, ErrorCode::Forbidden);
}

#[test]
fn while_it_is_emptied_nobody_comes_in_and_those_inside_may_come_back() {
    let (mut registry, inside) = (ready(), admitted());
    control(&mut registry, admit(&inside));
    let output = control(&mut registry, ControlMessage::Drain { deadline_ms: 5_000 });
    let told = |output: &Output, deadline| {
        let is_told = |(_, command): &(usize, ShardCommand)| matches!(command, ShardCommand::Drain { deadline: known } if *known == deadline);
        output.commands.len() == 2 && output.commands.iter().all(is_told)
    };
    assert!(told(&output, Some(Duration::from_secs(5))), "every shard: {output:?}");
    assert_eq!(refusal(&control(&mut registry, admit(&admitted()))).0, ErrorCode::MediaUnavailable);
    assert_eq!(control(&mut registry, admit(&inside)).commands.len(), 1, "a reload");
    let load = registry.load();
    assert!(load.draining && load.joins_refused.get("draining") == Some(&1) && !registry.is_drained());
    let output = control(&mut registry, ControlMessage::Undrain {});
    assert!(told(&output, None), "{output:?}");
    assert_eq!(control(&mut registry, admit(&admitted())).commands.len(), 1);
    assert!(!registry.load().draining);
}

#[test]
fn who_would_be_felt_inside_is_refused_at_the_door() {
    let mut registry = ready();
    let inside = admitted();
    let start = Instant::now();
    let report = |registry: &mut Registry, second: u64, busy_us: [u64; 2]| {
        for (shard, busy_us) in (0..).zip(busy_us) {
            let counters = Counters { busy_us, uptime_us: second * 1_000_000, ..Counters::default() };
            let now = start + Duration::from_secs(second);
            registry.handle_shard(now, shard, ShardEvent::Counters(counters), &mut Output::default());
        }
    };
    let join = |registry: &mut Registry, second: u64, who: &Admitted| {
        let mut output = Output::default();
        registry.handle_control(start + Duration::from_secs(second), admit(who), &mut output);
        output
    };
    assert_eq!(join(&mut registry, 0, &inside).commands.len(), 1);
    for second in 1..=5 {
        report(&mut registry, second, [second * 950_000, second * 950_000]);
    }
    let output = join(&mut registry, 5, &admitted());
    assert_eq!(refusal(&output).0, ErrorCode::Overloaded);
    assert_eq!(join(&mut registry, 5, &inside).commands.len(), 1, "who is inside may change its connection");
    let load = registry.load();
    assert_eq!((load.shards, load.shards_overloaded, load.joins_refused.get("overloaded")), (2, 2, Some(&1)));
    for second in 6..=12 {
        report(&mut registry, second, [5 * 950_000 + (second - 5) * 100_000, second * 950_000]);
    }
    let output = join(&mut registry, 12, &admitted());
    assert!(matches!(output.commands[..], [(0, ShardCommand::Admit { .. })]), "the one that is calm again: {output:?}");
}

proptest::proptest! {
    /// However joins, refusals and departures cross: as many get in as there are seats, and not one more.
    #[test]
    fn the_nodes_seats_are_given_out_exactly(steps in proptest::collection::vec((0_u8..4, 0_usize..100), 1..200)) {
        const SEATS: usize = 3;
        let mut registry = Registry::new(key(1), 2, SEATS);
        registry.control_connected();
        control(&mut registry, ControlMessage::Snapshot { rev: 1, admitted: vec![] });
        // Those whose offer a shard has, each with the shard and the request there; and those who are in.
        let mut asked: Vec<(Admitted, usize, u64)> = Vec::new();
        let mut inside: Vec<(Admitted, usize)> = Vec::new();
        for (step, which) in steps {
            match step {
                0 | 1 => {
                    let who = admitted();
                    let has_seat = asked.len() + inside.len() < 2 * SEATS;
                    let output = control(&mut registry, admit(&who));
                    proptest::prop_assert_eq!(output.commands.len() == 1, has_seat);
                    if let Some((shard, ShardCommand::Admit { request_id, .. })) = output.commands.first() {
                        asked.push((who, *shard, *request_id));
                    }
                }
                2 if !asked.is_empty() => {
                    let (who, at, request_id) = asked.swap_remove(which % asked.len());
                    let at_shard = u8::try_from(at).unwrap();
                    if which % 2 == 0 {
                        let (code, message) = (ErrorCode::UnacceptableOffer, String::new());
                        shard(&mut registry, at_shard, ShardEvent::Refused { request_id, code, message });
                    } else {
                        shard(&mut registry, at_shard, ShardEvent::Answer { request_id, sdp: String::new() });
                        inside.push((who, at));
                    }
                }
                3 if !inside.is_empty() => {
                    let (Admitted { participant_id, room, .. }, at) = inside.swap_remove(which % inside.len());
                    let left = ShardEvent::Left { participant_id, room, reason: EndReason::Timeout };
                    shard(&mut registry, u8::try_from(at).unwrap(), left);
                }
                _ => {}
            }
            let on = |shard: usize| {
                asked.iter().filter(|(_, at, _)| *at == shard).count() + inside.iter().filter(|(_, at)| *at == shard).count()
            };
            proptest::prop_assert!(on(0) <= SEATS && on(1) <= SEATS);
        }
    }
}
