use async_trait::async_trait;
use boltorezka_proto::UserId;
use boltorezka_proto::rest::Role;

use super::access::held;
use super::accounts::user_by_id;
use super::invites::use_invite;
use super::links::make_super_admin;
use super::{SqlStore, Tx, passkeys};
use crate::store::oidc::{
    EndedState, Identity, Newcomer, OidcLinkRecord, OidcLinked, OidcSignIn, OidcSignedIn, OidcStore, OidcUnlinked,
};
use crate::store::write::retried;
use crate::store::{Actor, Audit, NewAccount, StoreError, Topic, UserRecord};

/// Links of an account that are shown: one for each provider that the server was ever told of.
const LINKS_MAX: i64 = 100;

impl SqlStore {
    /// False when it has ended before.
    async fn end_sign_in(&self, tx: &mut Tx, state: EndedState) -> Result<bool, StoreError> {
        let ended = sqlx::query(
            "INSERT INTO oidc_ended (state_hash, workspace_id, expires_at) VALUES ($1, $2, $3)
             ON CONFLICT (state_hash) DO NOTHING",
        )
        .bind(state.hash.as_slice())
        .bind(self.home_id.0)
        .bind(state.expires_at_ms)
        .execute(&mut **tx)
        .await?;
        Ok(ended.rows_affected() == 1)
    }

    async fn linked_user(&self, tx: &mut Tx, identity: &Identity) -> Result<Option<UserId>, StoreError> {
        let id = sqlx::query_scalar(
            "SELECT user_id FROM oidc_links WHERE workspace_id = $1 AND issuer = $2 AND subject = $3",
        )
        .bind(self.home_id.0)
        .bind(&identity.issuer)
        .bind(&identity.subject)
        .fetch_optional(&mut **tx)
        .await?;
        Ok(id.map(UserId))
    }

    pub(super) async fn has_link(&self, tx: &mut Tx, user_id: UserId, issuer: &str) -> Result<bool, StoreError> {
        let query = "SELECT EXISTS (SELECT 1 FROM oidc_links WHERE user_id = $1 AND issuer = $2)";
        Ok(sqlx::query_scalar(query).bind(user_id.0).bind(issuer).fetch_one(&mut **tx).await?)
    }

    async fn put_link_to(
        &self,
        tx: &mut Tx,
        user_id: UserId,
        identity: &Identity,
        audit: &Audit,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO oidc_links (workspace_id, issuer, subject, user_id, created_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(self.home_id.0)
        .bind(&identity.issuer)
        .bind(&identity.subject)
        .bind(user_id.0)
        .bind(audit.now_ms)
        .execute(&mut **tx)
        .await?;
        self.put_audit(tx, audit, "accounts.oidc.link", &format!("{user_id} {}", identity.issuer)).await
    }

    /// Notes that the address is the account's, where the provider says so, and makes its owner super admin where the
    /// settings name it. Returns whether they did.
    async fn prove_address(
        &self,
        tx: &mut Tx,
        user: &UserRecord,
        identity: &Identity,
        super_admin: Option<&str>,
        audit: &Audit,
    ) -> Result<bool, StoreError> {
        let email = user.user.email.as_str();
        if !identity.email_verified || identity.email.as_deref() != Some(email) {
            return Ok(false);
        }
        sqlx::query("UPDATE users SET email_verified_at = coalesce(email_verified_at, $1) WHERE id = $2")
            .bind(audit.now_ms)
            .bind(user.user.id.0)
            .execute(&mut **tx)
            .await?;
        let promoted = super_admin == Some(email) && user.user.role != Role::SuperAdmin;
        if promoted {
            make_super_admin(self, tx, user.user.id, audit).await?;
        }
        Ok(promoted)
    }

    /// The account of an identity without a link: that of its address, or a new one.
    async fn found_or_made(&self, tx: &mut Tx, sign_in: OidcSignIn<'_>) -> Result<Result<UserId, Refusal>, StoreError> {
        let identity = sign_in.identity;
        let Some(email) = identity.email.as_deref() else { return Ok(Err(Refusal::NoAddress)) };
        let Some(user_id) = self.user_id_by_email(tx, email).await? else {
            return self.made(tx, sign_in, email).await;
        };
        // It stays as it is until it is linked.
        let Some(user) = held(self, tx, user_id).await? else { return Ok(Err(Refusal::AddressTaken)) };
        if user.blocked {
            return Ok(Err(Refusal::Blocked));
        }
        let both_have_shown = identity.email_verified && user.email_verified;
        if !both_have_shown || self.has_link(tx, user_id, &identity.issuer).await? {
            return Ok(Err(Refusal::AddressTaken));
        }
        Ok(Ok(user_id))
    }

    async fn made(
        &self,
        tx: &mut Tx,
        sign_in: OidcSignIn<'_>,
        email: &str,
    ) -> Result<Result<UserId, Refusal>, StoreError> {
        let pending = match sign_in.newcomer {
            Newcomer::Refused => return Ok(Err(Refusal::Closed)),
            Newcomer::Invited(invite) if !use_invite(tx, invite, email, sign_in.now_ms).await? => {
                return Ok(Err(Refusal::NoInvite));
            }
            // Who was invited by an admin waits for none.
            Newcomer::Invited(_) => false,
            Newcomer::Welcome { pending } => pending,
        };
        let account = NewAccount {
            email: email.to_owned(),
            password_hash: String::new(),
            display_name: sign_in.identity.display_name.clone(),
            pending,
            mail: sign_in.mail.filter(|_| !sign_in.identity.email_verified),
        };
        let user = self.insert_account(tx, &account, Role::User, sign_in.now_ms).await?;
        Ok(Ok(user.user.id))
    }

    async fn signed_in(&self, tx: &mut Tx, sign_in: OidcSignIn<'_>) -> Result<OidcSignedIn, StoreError> {
        let by = |user_id| Audit {
            actor: Actor::User(user_id),
            address: sign_in.address.to_owned(),
            now_ms: sign_in.now_ms,
        };
        let user_id = match self.linked_user(tx, sign_in.identity).await? {
            Some(user_id) => user_id,
            None => match self.found_or_made(tx, sign_in).await? {
                Ok(user_id) => {
                    self.put_link_to(tx, user_id, sign_in.identity, &by(user_id)).await?;
                    user_id
                }
                // The same sign-in, begun twice, may have been faster, and linked the identity meanwhile.
                Err(refusal) => match self.linked_user(tx, sign_in.identity).await? {
                    Some(user_id) => user_id,
                    None => return Ok(refusal.into()),
                },
            },
        };
        let user = user_by_id(&mut **tx, user_id).await?.ok_or(StoreError::Corrupt("oidc_links.user_id"))?;
        if user.blocked {
            return Ok(OidcSignedIn::Blocked);
        }
        let promoted = self.prove_address(tx, &user, sign_in.identity, sign_in.super_admin, &by(user_id)).await?;
        let user = user_by_id(&mut **tx, user_id).await?.ok_or(StoreError::Corrupt("oidc_links.user_id"))?;
        Ok(OidcSignedIn::Done { user: Box::new(user), promoted })
    }
}

/// Why an identity without a link signs in to nothing.
enum Refusal {
    NoAddress,
    Closed,
    NoInvite,
    Blocked,
    AddressTaken,
}

impl From<Refusal> for OidcSignedIn {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoAddress => Self::NoAddress,
            Refusal::Closed => Self::Closed,
            Refusal::NoInvite => Self::NoInvite,
            Refusal::Blocked => Self::Blocked,
            Refusal::AddressTaken => Self::AddressTaken,
        }
    }
}

#[async_trait]
impl OidcStore for SqlStore {
    async fn oidc_sign_in(&self, sign_in: OidcSignIn<'_>) -> Result<OidcSignedIn, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            if !self.end_sign_in(&mut tx, sign_in.state).await? {
                return Ok(OidcSignedIn::Ended);
            }
            let outcome = self.signed_in(&mut tx, sign_in).await?;
            // Also when it was refused: then the sign-in has ended, and nothing else was written.
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(outcome)
        })
        .await
    }

    async fn is_oidc_newcomer(&self, identity: &Identity) -> Result<bool, StoreError> {
        let is_known: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM oidc_links WHERE workspace_id = $1 AND issuer = $2 AND subject = $3)
                 OR EXISTS (SELECT 1 FROM users WHERE workspace_id = $1 AND email = $4)",
        )
        .bind(self.home_id.0)
        .bind(&identity.issuer)
        .bind(&identity.subject)
        .bind(identity.email.as_deref())
        .fetch_one(&self.readers)
        .await?;
        Ok(!is_known)
    }

    async fn link_oidc(
        &self,
        user_id: UserId,
        state: EndedState,
        identity: &Identity,
        super_admin: Option<&str>,
        audit: &Audit,
    ) -> Result<OidcLinked, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            if !self.end_sign_in(&mut tx, state).await? {
                return Ok(OidcLinked::Ended);
            }
            let Some(user) = held(self, &mut tx, user_id).await? else { return Ok(OidcLinked::NoAccount) };
            let outcome = match self.linked_user(&mut tx, identity).await? {
                Some(linked) if linked == user_id => OidcLinked::Done { promoted: false },
                Some(_) => OidcLinked::Elsewhere,
                None if self.has_link(&mut tx, user_id, &identity.issuer).await? => OidcLinked::Elsewhere,
                None => {
                    self.put_link_to(&mut tx, user_id, identity, audit).await?;
                    let promoted = self.prove_address(&mut tx, &user, identity, super_admin, audit).await?;
                    OidcLinked::Done { promoted }
                }
            };
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(outcome)
        })
        .await
    }

    async fn unlink_oidc(&self, user_id: UserId, issuer: &str, audit: &Audit) -> Result<OidcUnlinked, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let Some(user) = held(self, &mut tx, user_id).await? else { return Ok(OidcUnlinked::NoLink) };
            if !self.has_link(&mut tx, user_id, issuer).await? {
                return Ok(OidcUnlinked::NoLink);
            }
            if user.password_hash.is_none() && passkeys::count(&mut tx, user_id).await? == 0 {
                return Ok(OidcUnlinked::LastWayIn);
            }
            sqlx::query("DELETE FROM oidc_links WHERE user_id = $1 AND issuer = $2")
                .bind(user_id.0)
                .bind(issuer)
                .execute(&mut *tx)
                .await?;
            sqlx::query("UPDATE users SET credentials_rev = credentials_rev + 1 WHERE id = $1")
                .bind(user_id.0)
                .execute(&mut *tx)
                .await?;
            self.put_audit(&mut tx, audit, "accounts.oidc.unlink", &format!("{user_id} {issuer}")).await?;
            tx.commit().await?;
            Ok(OidcUnlinked::Done)
        })
        .await
    }

    async fn oidc_links(&self, user_id: UserId) -> Result<Vec<OidcLinkRecord>, StoreError> {
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT issuer, subject, created_at FROM oidc_links WHERE user_id = $1 ORDER BY created_at, issuer LIMIT $2",
        )
        .bind(user_id.0)
        .bind(LINKS_MAX)
        .fetch_all(&self.readers)
        .await?;
        let record = |(issuer, subject, created_at_ms)| OidcLinkRecord { issuer, subject, created_at_ms };
        Ok(rows.into_iter().map(record).collect())
    }

    async fn delete_expired_oidc(&self, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM oidc_ended WHERE expires_at <= $1").bind(now_ms).execute(&self.writer).await?;
        Ok(())
    }
}

/// Takes the links of an account whose owner came back by another proof, or is gone.
pub(super) async fn delete_links(tx: &mut Tx, user_id: UserId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM oidc_links WHERE user_id = $1").bind(user_id.0).execute(&mut **tx).await?;
    Ok(())
}
