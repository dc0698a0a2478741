//! Who may receive what: control's orders with the moment from which the node said that they hold.

use std::collections::HashMap;
use std::time::Instant;

use boltorezka_proto::call::MediaPermissions;

/// A packet that a client received.
#[derive(Debug, Clone, Copy)]
pub struct Arrived {
    /// The client that made it.
    pub publisher: u16,
    /// 0 for its microphone, 1 for its camera.
    pub section: u8,
    /// When it left the node.
    pub left_at: Instant,
}

#[derive(Debug, Clone, Copy)]
enum Order {
    End,
    May(MediaPermissions),
}

/// Orders that were given, and those in force.
#[derive(Debug, Default)]
pub struct Rights {
    given: Vec<(u64, usize, Order)>,
    in_force: HashMap<usize, (Instant, Order)>,
    /// Clients that an order was given for that does not hold yet.
    unsettled: HashMap<usize, u64>,
}

impl Rights {
    /// A client's part will end with this revision.
    pub fn will_end(&mut self, rev: u64, client: usize) {
        self.unsettled.insert(client, rev);
        self.given.push((rev, client, Order::End));
    }

    /// A client's rights will change with this revision.
    pub fn will_change(&mut self, rev: u64, client: usize, permissions: MediaPermissions) {
        // Until the node says that the new ones hold, the old and the new are both right.
        self.in_force.remove(&client);
        self.unsettled.insert(client, rev);
        self.given.push((rev, client, Order::May(permissions)));
    }

    /// The node says that everything up to a revision holds.
    pub fn applied(&mut self, rev: u64, now: Instant) {
        self.unsettled.retain(|_, of| *of > rev);
        let (done, given) = self.given.iter().partition(|(of, ..)| *of <= rev);
        self.given = given;
        let done: Vec<(u64, usize, Order)> = done;
        self.in_force.extend(done.into_iter().map(|(_, client, order)| (client, (now, order))));
    }

    /// Whether somebody who may send and receive everything could do so from before `at` on.
    pub fn are_full_since(&self, client: usize, at: Instant) -> bool {
        let is_full = |(since, order): &(Instant, Order)| {
            *since < at && matches!(order, Order::May(rights) if rights.subscribe && rights.may_send_data())
        };
        !self.unsettled.contains_key(&client) && self.in_force.get(&client).is_none_or(is_full)
    }

    /// Whether a data message that was sent at `at` may have reached a client.
    ///
    /// # Errors
    /// Why not.
    pub fn check_message(&self, client: usize, sender: usize, at: Instant) -> Result<(), String> {
        let order_at = |who: usize| self.in_force.get(&who).filter(|(since, _)| *since < at).map(|(_, order)| *order);
        let may = |order: Option<Order>, is_allowed: fn(&MediaPermissions) -> bool| match order {
            Some(Order::End) => false,
            Some(Order::May(rights)) => is_allowed(&rights),
            None => true,
        };
        if !may(order_at(sender), |rights| rights.may_send_data()) {
            return Err("was sent without the right to".into());
        }
        match may(order_at(client), |rights| rights.subscribe) {
            true => Ok(()),
            false => Err("reached who may receive nothing".into()),
        }
    }

    /// Whether a client may have been sent a packet.
    ///
    /// # Errors
    /// What it may not receive.
    pub fn check(&self, client: usize, arrived: Arrived) -> Result<(), String> {
        let order_at = |who: usize| self.in_force.get(&who).filter(|(since, _)| *since < arrived.left_at);
        let of_publisher = match order_at(usize::from(arrived.publisher)) {
            Some((_, Order::End)) => false,
            Some((_, Order::May(rights))) => {
                if arrived.section == 0 {
                    rights.microphone
                } else {
                    rights.camera
                }
            }
            None => true,
        };
        let of_receiver = match order_at(client) {
            Some((_, Order::End)) => false,
            Some((_, Order::May(rights))) => rights.subscribe,
            None => true,
        };
        match of_publisher && of_receiver {
            true => Ok(()),
            false => Err(format!("client {client} received what it may not: {arrived:?}")),
        }
    }
}
