//! Lobbies of rooms, as those who moderate see them.

use boltorezka_proto::rest::Page;
use boltorezka_proto::rooms::Waiting;
use boltorezka_proto::{RoomSlug, UserId};
use reqwest::Method;

use crate::client::{Client, ClientError};

impl Client {
    /// Who waits to be let into a room.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `forbidden` or `not_found`.
    pub async fn waiting(&self, room: &RoomSlug) -> Result<Vec<Waiting>, ClientError> {
        self.get::<Page<Waiting>>(&format!("/v1/rooms/{room}/lobby?limit=100")).await.map(|page| page.items)
    }

    /// Lets somebody in who waits.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `conflict` when it was decided before, `not_found` when it does not wait.
    pub async fn admit(&self, room: &RoomSlug, user_id: UserId) -> Result<(), ClientError> {
        self.send(Method::POST, &format!("/v1/rooms/{room}/lobby/{user_id}/admit"), None::<&()>).await.map(drop)
    }

    /// Lets everybody in who waits.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `forbidden` or `not_found`.
    pub async fn admit_all(&self, room: &RoomSlug) -> Result<(), ClientError> {
        self.send(Method::POST, &format!("/v1/rooms/{room}/lobby/admit"), None::<&()>).await.map(drop)
    }

    /// Sends somebody away who waits. It may ask again after a minute.
    ///
    /// # Errors
    /// As [`Client::admit`].
    pub async fn refuse(&self, room: &RoomSlug, user_id: UserId) -> Result<(), ClientError> {
        self.send(Method::POST, &format!("/v1/rooms/{room}/lobby/{user_id}/refuse"), None::<&()>).await.map(drop)
    }
}
