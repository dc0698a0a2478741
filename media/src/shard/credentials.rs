//! ICE credentials over a connection's life.
//!
//! A user fragment of ours tells shard and run (`demux`), so that a check finds its way from whatever address it comes. When a
//! client begins ICE anew, str0m makes up credentials that tell nothing: they are replaced before anybody sees them.

use str0m::change::DirectApi;
use str0m::{IceCreds, Rtc};

/// What the client shows in its checks; `None` where its offer named nothing.
#[derive(Debug)]
pub struct ClientCredentials(Option<IceCreds>);

impl ClientCredentials {
    /// Those of an offer.
    pub fn of(offer: Option<IceCreds>) -> Self {
        Self(offer)
    }

    /// Answers a later offer. When it begins ICE anew, our credentials from then on are those of `make`; when it is refused, ICE
    /// goes on as before it.
    pub fn answer<E>(
        &mut self,
        rtc: &mut Rtc,
        offered: Option<IceCreds>,
        make: impl FnOnce() -> (String, String),
        answer: impl FnOnce(&mut Rtc) -> Result<String, E>,
    ) -> Result<String, E> {
        let before = local(rtc);
        let answer = answer(rtc);
        let made_up = local(rtc);
        if made_up == before {
            return answer;
        }
        let mut direct: DirectApi<'_> = rtc.direct_api();
        match answer {
            Ok(answer) => {
                let (ufrag, pass) = make();
                let answer = answer.replace(&made_up.ufrag, &ufrag).replace(&made_up.pass, &pass);
                direct.set_local_ice_credentials(IceCreds { ufrag, pass });
                self.0 = offered;
                Ok(answer)
            }
            Err(error) => {
                direct.set_local_ice_credentials(before);
                if let Some(known) = &self.0 {
                    direct.set_remote_ice_credentials(known.clone());
                }
                Err(error)
            }
        }
    }
}

/// Ours.
pub fn local(rtc: &mut Rtc) -> IceCreds {
    rtc.direct_api().local_ice_credentials()
}

/// The first ones in a description: sections of one bundle share them.
pub fn find(description: &str) -> Option<IceCreds> {
    let first = |start: &str| description.lines().find_map(|line| line.strip_prefix(start)).map(str::to_owned);
    Some(IceCreds { ufrag: first("a=ice-ufrag:")?, pass: first("a=ice-pwd:")? })
}
