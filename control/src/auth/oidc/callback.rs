//! The way back from the provider: a navigation, so that whatever happens ends at a page of ours.

use std::net::IpAddr;

use axum::http::{HeaderName, StatusCode, header};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::Cookie;
use boltorezka_proto::ErrorCode;
use boltorezka_proto::oidc::OidcError;
use form_urlencoded::Serializer;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::attempt::{self, Attempt, COOKIE, Half, Proved, Purpose};
use super::provider::{Ending, ProviderError};
use super::routes::{provider, redirect_uri};
use crate::app::App;
use crate::auth::TokenHash;
use crate::auth::caller::{Caller, ClientAddress};
use crate::auth::session::{ClientDetails, start_session};
use crate::config::Registration;
use crate::error::ApiError;
use crate::http::Query;
use crate::mail;
use crate::permissions::Action;
use crate::rate::address_key;
use crate::rooms::refresh_roles;
use crate::store::{Actor, Audit, Identity, Newcomer, OidcLinked, OidcSignIn, OidcSignedIn, StoreError, UserRecord};

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(callback))
}

/// What the provider has the browser bring.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AnswerQuery {
    /// As the sign-in was begun with.
    state: Option<String>,
    /// What the provider gives tokens for.
    code: Option<String>,
    /// Why it gives none.
    error: Option<String>,
    /// Who answers (RFC 9207).
    iss: Option<String>,
}

/// Where a sign-in ends.
struct End {
    page: String,
    cookies: Vec<Cookie<'static>>,
}

/// Where the provider sends the browser back to. Only who began the sign-in ends it, once, within ten minutes.
#[utoipa::path(get, path = "/auth/oidc/callback", operation_id = "endOidc", params(AnswerQuery),
    responses((status = 303, description = "To the page that was asked for, with a session; to `/login` or `/account` \
        with `oidcError` when it came to nothing; to `/login` with `oidc=second_factor` when a code is missing.")))]
async fn callback(
    app: App,
    ClientAddress(address): ClientAddress,
    client: ClientDetails,
    caller: Result<Caller, ApiError>,
    jar: CookieJar,
    Query(answer): Query<AnswerQuery>,
) -> (StatusCode, CookieJar, [(HeaderName, String); 1]) {
    let state = answer.state.as_deref().unwrap_or_default();
    let begun = match attempt::brought(&app, &jar) {
        Some(Half::Begun(attempt)) if attempt.is_of(state) => Some(attempt),
        // What this browser really began goes on.
        _ => None,
    };
    let Some(attempt) = begun else {
        return to_page(jar, failed("/login", None, OidcError::Expired));
    };
    let ended = jar.add(COOKIE.ended(&app));
    let end = match person(&app, &attempt, &answer, address).await {
        Err(error) => Err(error),
        Ok(identity) => match &attempt.purpose {
            Purpose::SignIn { next, invite } => {
                sign_in(&app, &attempt, &identity, *invite, address, client, next).await
            }
            Purpose::Link { .. } => link(&app, &attempt, &identity, address, caller).await,
        },
    };
    let end = end.unwrap_or_else(|error| match &attempt.purpose {
        Purpose::SignIn { next, .. } => failed("/login", Some(next), error),
        Purpose::Link { .. } => failed("/account", None, error),
    });
    to_page(ended, end)
}

fn to_page(jar: CookieJar, end: End) -> (StatusCode, CookieJar, [(HeaderName, String); 1]) {
    let jar = end.cookies.into_iter().fold(jar, CookieJar::add);
    (StatusCode::SEE_OTHER, jar, [(header::LOCATION, end.page)])
}

fn page(path: &str, pairs: &[(&str, &str)]) -> String {
    format!("{path}?{}", Serializer::new(String::new()).extend_pairs(pairs).finish())
}

fn failed(path: &str, next: Option<&str>, error: OidcError) -> End {
    let error = serde_json::to_value(error).ok();
    let error = error.as_ref().and_then(|error| error.as_str()).unwrap_or("internal");
    let mut pairs = vec![("oidcError", error)];
    pairs.extend(next.filter(|next| *next != "/").map(|next| ("next", next)));
    End { page: page(path, &pairs), cookies: Vec::new() }
}

/// Whom the provider vouches for.
async fn person(app: &App, attempt: &Attempt, answer: &AnswerQuery, address: IpAddr) -> Result<Identity, OidcError> {
    let now_ms = app.clock.now_ms();
    app.rates.login_address.take(address_key(address), now_ms).map_err(|_| OidcError::RateLimited)?;
    let provider = provider(app).map_err(|_| OidcError::ProviderUnavailable)?;
    provider.check_answerer(answer.iss.as_deref(), now_ms).await.map_err(useless)?;
    let code = match (&answer.code, &answer.error) {
        (Some(code), None) => code,
        _ => return Err(OidcError::Denied),
    };
    let redirect_uri = redirect_uri(app);
    let ending = Ending { redirect_uri: &redirect_uri, code, verifier: &attempt.verifier, nonce: &attempt.nonce };
    let claims = provider.person(ending, now_ms).await.map_err(useless)?;
    claims.identity(&provider.config().issuer).ok_or(OidcError::BadAnswer)
}

fn useless(error: ProviderError) -> OidcError {
    tracing::warn!(%error, "a sign-in by the provider came to nothing");
    match error {
        ProviderError::Unavailable(_) => OidcError::ProviderUnavailable,
        ProviderError::BadAnswer(_) => OidcError::BadAnswer,
    }
}

fn internal(error: StoreError) -> OidcError {
    tracing::error!(%error, "store failed");
    OidcError::Internal
}

async fn sign_in(
    app: &App,
    attempt: &Attempt,
    identity: &Identity,
    invite: Option<TokenHash>,
    address: IpAddr,
    client: ClientDetails,
    next: &str,
) -> Result<End, OidcError> {
    let now_ms = app.clock.now_ms();
    if app.store.is_oidc_newcomer(identity).await.map_err(internal)? {
        app.rates.register_address.take(address_key(address), now_ms).map_err(|_| OidcError::RateLimited)?;
    }
    let newcomer = match (app.config.registration, invite) {
        (Registration::Closed, _) | (Registration::Invite, None) => Newcomer::Refused,
        (Registration::Open | Registration::Invite, Some(invite)) => Newcomer::Invited(invite),
        (Registration::Open, None) => Newcomer::Welcome { pending: app.config.registration_approval },
    };
    let (super_admin, address) = (super_admin(app), address.to_string());
    let sign_in = OidcSignIn {
        state: attempt.ended(),
        identity,
        newcomer,
        mail: mail::verification(app),
        super_admin: super_admin.as_deref(),
        address: &address,
        now_ms,
    };
    let user = match app.store.oidc_sign_in(sign_in).await.map_err(internal)? {
        OidcSignedIn::Done { user, promoted } => {
            if promoted {
                refresh_roles(app, user.user.id).await.map_err(internal)?;
            }
            *user
        }
        OidcSignedIn::Ended => return Err(OidcError::Expired),
        OidcSignedIn::Blocked => return Err(OidcError::Blocked),
        OidcSignedIn::NoAddress => return Err(OidcError::NoAddress),
        OidcSignedIn::Closed => return Err(OidcError::RegistrationClosed),
        OidcSignedIn::NoInvite => return Err(OidcError::NoInvite),
        OidcSignedIn::AddressTaken => return Err(OidcError::AddressTaken),
    };
    app.mails.notify_one();
    signed_in(app, &user, client, next).await
}

/// With a session, or with a wish for the second factor: the provider's own does not stand for that of the account.
async fn signed_in(app: &App, user: &UserRecord, client: ClientDetails, next: &str) -> Result<End, OidcError> {
    if user.second_factor {
        let proved = Proved::new(user.user.id, user.credentials_rev, app.clock.now_ms());
        let cookie = COOKIE.seal(app, &Half::Proved(proved)).map_err(|_| OidcError::Internal)?;
        return Ok(End { page: page("/login", &[("oidc", "second_factor"), ("next", next)]), cookies: vec![cookie] });
    }
    let cookie = start_session(app, user, client).await.map_err(|error| match error.code {
        // Blocked, or unlinked, in this moment.
        ErrorCode::InvalidCredentials => OidcError::Expired,
        _ => OidcError::Internal,
    })?;
    Ok(End { page: next.to_owned(), cookies: vec![cookie] })
}

/// Only the session that began it is linked.
async fn link(
    app: &App,
    attempt: &Attempt,
    identity: &Identity,
    address: IpAddr,
    caller: Result<Caller, ApiError>,
) -> Result<End, OidcError> {
    let signed_in = caller.and_then(|caller| caller.signed_in(Action::LinkOidc)).map_err(|_| OidcError::SignedOut)?;
    let by = Purpose::Link { user_id: signed_in.user.id, session: signed_in.session };
    if attempt.purpose != by {
        return Err(OidcError::SignedOut);
    }
    let user_id = signed_in.user.id;
    let audit = Audit { actor: Actor::User(user_id), address: address.to_string(), now_ms: app.clock.now_ms() };
    let super_admin = super_admin(app);
    let linked = app.store.link_oidc(user_id, attempt.ended(), identity, super_admin.as_deref(), &audit).await;
    match linked.map_err(internal)? {
        OidcLinked::Done { promoted } => {
            if promoted {
                refresh_roles(app, user_id).await.map_err(internal)?;
            }
            Ok(End { page: "/account".to_owned(), cookies: Vec::new() })
        }
        OidcLinked::Ended => Err(OidcError::Expired),
        OidcLinked::Elsewhere => Err(OidcError::LinkedElsewhere),
        OidcLinked::NoAccount => Err(OidcError::SignedOut),
    }
}

fn super_admin(app: &App) -> Option<String> {
    app.config.super_admin_email.as_deref().map(|email| email.trim().to_lowercase())
}
