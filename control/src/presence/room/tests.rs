use super::*;
use boltorezka_proto::{DisplayName, Timestamp};
use serde_json::Value;

fn view(name: &str) -> Participant {
    Participant {
        participant_id: ParticipantId::generate(),
        user_id: UserId::generate(),
        display_name: DisplayName::new(name).unwrap(),
        role: RoomRole::Member,
        call: CallState::None,
        publishing: vec![],
        joined_at: Timestamp::from_unix_ms(0),
    }
}

fn room() -> RoomState {
    RoomState::new(RoomSlug::new("stand-up").unwrap())
}

fn received(outgoing: &mut crate::ws::Outgoing) -> Vec<Value> {
    std::iter::from_fn(|| outgoing.try_next()).map(|text| serde_json::from_str(&text).unwrap()).collect()
}

#[test]
fn a_new_socket_gets_everything_and_then_numbered_changes() {
    let mut room = room();
    let (ann, bob) = (view("Ann"), view("Bob"));
    room.enter(ann.clone(), false, false, 0);
    let (socket, mut outgoing) = SocketHandle::for_tests();
    let joined: RoomJoined = serde_json::from_str(room.attach(socket, ann.participant_id, None).get()).unwrap();
    assert_eq!((joined.seq, joined.participants.len()), (0, 1));
    room.flush();
    let first = received(&mut outgoing);
    assert_eq!(first.len(), 1);
    assert_eq!(first[0]["payload"]["snapshot"], true);
    assert_eq!(first[0]["payload"]["seq"], 1);

    room.enter(bob.clone(), false, false, 0);
    room.set_role(bob.participant_id, RoomRole::Listener, Grants::NONE);
    room.flush();
    let second = received(&mut outgoing);
    assert_eq!(second[0]["payload"]["seq"], 2);
    assert_eq!(second[0]["payload"]["snapshot"], false);
    assert_eq!(second[0]["payload"]["joined"][0]["role"], "listener");
    assert_eq!(second[0]["payload"]["changed"].as_array().unwrap().len(), 0);

    room.remove(bob.participant_id);
    room.flush();
    room.flush();
    let third = received(&mut outgoing);
    assert_eq!(third.len(), 1);
    assert_eq!(third[0]["payload"]["left"][0], bob.participant_id.to_string());
}

#[test]
fn who_is_hidden_is_told_to_nobody_else() {
    let mut room = room();
    let (ann, eve) = (view("Ann"), view("Eve"));
    room.enter(ann.clone(), false, false, 0);
    room.enter(eve.clone(), false, true, 0);
    let (socket, mut outgoing) = SocketHandle::for_tests();
    let (own_socket, mut own_outgoing) = SocketHandle::for_tests();
    let names = |joined: &RawValue| -> Vec<ParticipantId> {
        let joined: RoomJoined = serde_json::from_str(joined.get()).unwrap();
        joined.participants.iter().map(|participant| participant.participant_id).collect()
    };
    assert_eq!(names(&room.attach(socket, ann.participant_id, None)), [ann.participant_id]);
    assert_eq!(names(&room.attach(own_socket, eve.participant_id, None)).len(), 2, "it sees itself");
    room.flush();
    let joined = |update: &[Value]| update[0]["payload"]["joined"].as_array().unwrap().len();
    assert_eq!(joined(&received(&mut outgoing)), 1);
    assert_eq!(joined(&received(&mut own_outgoing)), 2);
    room.set_role(eve.participant_id, RoomRole::Moderator, Grants::NONE);
    room.remove(eve.participant_id);
    room.flush();
    assert!(received(&mut outgoing).is_empty(), "its coming, changing and going");

    room.enter(eve.clone(), false, false, 0);
    room.enter(eve.clone(), false, true, 0);
    room.flush();
    assert_eq!(received(&mut outgoing)[0]["payload"]["left"][0], eve.participant_id.to_string());
    room.enter(eve, false, false, 0);
    room.flush();
    assert_eq!(joined(&received(&mut outgoing)), 1);
}

#[test]
fn who_came_and_went_between_two_updates_is_said_to_have_left() {
    let mut room = room();
    let (ann, bob) = (view("Ann"), view("Bob"));
    room.enter(ann.clone(), false, false, 0);
    room.enter(bob.clone(), false, false, 0);
    let (socket, mut outgoing) = SocketHandle::for_tests();
    // The ack lists Bob, so the socket must hear that he left.
    let joined: RoomJoined = serde_json::from_str(room.attach(socket, ann.participant_id, None).get()).unwrap();
    assert_eq!(joined.participants.len(), 2);
    room.remove(bob.participant_id);
    room.flush();
    assert_eq!(received(&mut outgoing)[0]["payload"]["joined"].as_array().unwrap().len(), 1);
}

#[test]
fn the_later_admission_owns_the_call() {
    let mut room = room();
    let ann = view("Ann");
    let id = ann.participant_id;
    room.enter(ann, false, false, 0);
    let (first, _first_outgoing) = SocketHandle::for_tests();
    let (second, _second_outgoing) = SocketHandle::for_tests();
    room.attach(first.clone(), id, None);
    room.attach(second.clone(), id, None);
    let owner = |socket: &SocketHandle, admission| CallOwner { socket: socket.id(), admission };
    assert!(room.offer_answered(id, owner(&first, 1)).is_none());
    assert!(room.offer_answered(id, owner(&first, 2)).is_none());
    assert_eq!(room.offer_answered(id, owner(&second, 4)).unwrap().id(), first.id());
    assert!(room.offer_answered(id, owner(&first, 3)).is_none());
    let told = |room: &mut RoomState| room.end_call(id).iter().map(SocketHandle::id).collect::<Vec<_>>();
    assert_eq!(told(&mut room), [second.id()]);
    assert_eq!(told(&mut room), []);
}

#[test]
fn a_participant_is_alone_when_its_last_socket_went() {
    let mut room = room();
    let ann = view("Ann");
    let id = ann.participant_id;
    room.enter(ann, false, false, 5);
    assert_eq!(room.seat(id).unwrap().alone_since_ms, Some(5));
    let (first, _first_outgoing) = SocketHandle::for_tests();
    let (second, _second_outgoing) = SocketHandle::for_tests();
    room.attach(first.clone(), id, None);
    room.attach(second.clone(), id, None);
    assert_eq!(room.detach(first.id(), 7), Some((id, true)));
    assert_eq!(room.seat(id).unwrap().alone_since_ms, None);
    assert_eq!(room.detach(second.id(), 9), Some((id, false)));
    assert_eq!(room.seat(id).unwrap().alone_since_ms, Some(9));
    assert_eq!(room.detach(second.id(), 9), None);
}
