//! `/v1/auth/passkeys`: one's own passkeys.

use axum::Json as Body;
use axum::http::StatusCode;
use axum_extra::extract::CookieJar;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boltorezka_proto::passkeys::{
    AddPasskeyRequest, BeginPasskeyRequest, PASSKEYS_MAX, Passkey, PasskeyCreation, Passkeys, RenamePasskeyRequest,
};
use boltorezka_proto::{ErrorCode, PasskeyId, Timestamp};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ceremony::{self, ATTESTATION_BYTES_MAX, CLIENT_DATA_BYTES_MAX, Expected};
use super::challenge::{self, COOKIE, Challenge, LIFE_MS, Purpose};
use super::cose::ALGORITHMS;
use super::party::Party;
use super::sign_in;
use crate::app::App;
use crate::auth::caller::{Caller, ClientAddress};
use crate::auth::session_routes::check_password;
use crate::error::ApiError;
use crate::http::{Fields, Path, id_in_path};
use crate::permissions::Action;
use crate::rate::address_key;
use crate::store::{Actor, Audit, NewPasskey, PasskeyAdded, PasskeyRecord, PasskeyRemoved};

/// What devices show as the place that a passkey is for.
const PARTY_NAME: &str = "Boltorezka";

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(list, add))
        .routes(routes!(begin))
        .routes(routes!(rename, remove))
        .merge(sign_in::routes())
}

/// The passkeys of the account.
#[utoipa::path(get, path = "/auth/passkeys", operation_id = "listPasskeys", security(("session" = [])),
    responses((status = 200, description = "All of them, the oldest first.", body = Passkeys)))]
async fn list(app: App, caller: Caller) -> Result<Body<Passkeys>, ApiError> {
    let user = caller.signed_in(Action::ListPasskeys)?.user;
    let items = app.store.passkeys(user.id).await?.into_iter().map(passkey_view).collect();
    Ok(Body(Passkeys { items }))
}

/// A passkey as its owner sees it.
pub fn passkey_view(record: PasskeyRecord) -> Passkey {
    Passkey {
        id: record.id,
        name: record.name,
        created_at: Timestamp::from_unix_ms(record.created_at_ms),
        last_used_at: record.used_at_ms.map(Timestamp::from_unix_ms),
    }
}

/// Begins to add a passkey. The answer sets a cookie, which the browser has to bring back; the same session has to end it.
#[utoipa::path(post, path = "/auth/passkeys/begin", operation_id = "beginPasskey", security(("session" = [])),
    request_body = BeginPasskeyRequest,
    responses(
        (status = 200, description = "What the browser is to ask a device for.", body = PasskeyCreation),
        (status = 401, description = "`invalid_credentials`: the password. `unauthenticated`."),
        (status = 404, description = "`not_found`: the server is reached by no name, and passkeys need one."),
        (status = 409, description = "`conflict`: there are too many; remove one first."),
        (status = 422, description = "`invalid`."),
        (status = 503, description = "`unavailable`: too many people are signing in."),
    ))]
async fn begin(
    app: App,
    ClientAddress(address): ClientAddress,
    caller: Caller,
    party: Party,
    jar: CookieJar,
    Fields(request): Fields<BeginPasskeyRequest>,
) -> Result<(CookieJar, Body<PasskeyCreation>), ApiError> {
    let signed_in = caller.signed_in(Action::AddPasskey)?;
    let party = party.named()?;
    check_password(&app, address, &signed_in, request.password).await?;
    let (user, session) = (signed_in.user, signed_in.session);
    let there = app.store.passkeys(user.id).await?;
    if there.len() >= PASSKEYS_MAX {
        return Err(too_many());
    }
    let challenge = Challenge::new(Purpose::Add { user_id: user.id, session }, app.clock.now_ms())?;
    let creation = PasskeyCreation {
        challenge: challenge.value.clone(),
        rp_id: party.id,
        rp_name: PARTY_NAME.to_owned(),
        user_handle: URL_SAFE_NO_PAD.encode(user.id.0.as_bytes()),
        user_name: user.email,
        display_name: user.display_name,
        algorithms: ALGORITHMS.to_vec(),
        exclude_credentials: there.iter().map(|each| URL_SAFE_NO_PAD.encode(&each.credential_id)).collect(),
        timeout_ms: LIFE_MS,
    };
    Ok((jar.add(COOKIE.seal(&app, &challenge)?), Body(creation)))
}

/// Adds the passkey that a device has made.
#[utoipa::path(post, path = "/auth/passkeys", operation_id = "addPasskey", security(("session" = [])),
    request_body = AddPasskeyRequest,
    responses(
        (status = 201, description = "The passkey.", body = Passkey),
        (status = 401, description = "`invalid_token`: this session has begun nothing, it took too long, or was ended. `unauthenticated`."),
        (status = 404, description = "`not_found`: the server is reached by no name, and passkeys need one."),
        (status = 409, description = "`conflict`: it is there already, or there are too many."),
        (status = 422, description = "`invalid`: what the browser sent is not believed."),
    ))]
async fn add(
    app: App,
    ClientAddress(address): ClientAddress,
    caller: Caller,
    party: Party,
    jar: CookieJar,
    Fields(request): Fields<AddPasskeyRequest>,
) -> Result<(StatusCode, CookieJar, Body<Passkey>), ApiError> {
    let signed_in = caller.signed_in(Action::AddPasskey)?;
    let party = party.named()?;
    let now_ms = app.clock.now_ms();
    app.rates.login_address.take(address_key(address), now_ms).map_err(ApiError::rate_limited)?;
    let user_id = signed_in.user.id;
    let challenge = challenge::brought(&app, &jar, Purpose::Add { user_id, session: signed_in.session })?;
    let client_data = decoded("clientData", &request.client_data, CLIENT_DATA_BYTES_MAX)?;
    let attestation = decoded("attestation", &request.attestation, ATTESTATION_BYTES_MAX)?;
    let expected = Expected { challenge: &challenge.value, party: &party };
    let made = ceremony::register(expected, &client_data, &attestation)
        .map_err(|refusal| ApiError::because(ErrorCode::Invalid, refusal.to_string()))?;
    let passkey = NewPasskey {
        credential_id: made.credential_id,
        public_key: made.public_key,
        sign_count: made.sign_count,
        backup_eligible: made.backup_eligible,
        name: request.name,
    };
    let audit = Audit { actor: Actor::User(user_id), address: address.to_string(), now_ms };
    match app.store.add_passkey(user_id, challenge.ended(), &passkey, &audit).await? {
        PasskeyAdded::Done(record) => {
            Ok((StatusCode::CREATED, jar.add(COOKIE.ended(&app)), Body(passkey_view(record))))
        }
        PasskeyAdded::Ended => Err(challenge::late()),
        PasskeyAdded::TooMany => Err(too_many()),
        PasskeyAdded::Taken => Err(ApiError::because(ErrorCode::Conflict, "this passkey was added before")),
        PasskeyAdded::NoAccount => Err(ErrorCode::Unauthenticated.into()),
    }
}

/// Gives a passkey another name.
#[utoipa::path(patch, path = "/auth/passkeys/{passkeyId}", operation_id = "renamePasskey", security(("session" = [])),
    params(("passkeyId" = PasskeyId, Path)), request_body = RenamePasskeyRequest,
    responses(
        (status = 204, description = "It has it."),
        (status = 404, description = "`not_found`."),
        (status = 422, description = "`invalid`."),
    ))]
async fn rename(
    app: App,
    caller: Caller,
    Path(id): Path<String>,
    Fields(request): Fields<RenamePasskeyRequest>,
) -> Result<StatusCode, ApiError> {
    let user = caller.signed_in(Action::RenamePasskey)?.user;
    if app.store.rename_passkey(user.id, id_in_path(&id)?, &request.name).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(missing())
    }
}

/// Takes a passkey away. The last way in stays.
#[utoipa::path(delete, path = "/auth/passkeys/{passkeyId}", operation_id = "removePasskey", security(("session" = [])),
    params(("passkeyId" = PasskeyId, Path)),
    responses(
        (status = 204, description = "It signs in to the account no more."),
        (status = 404, description = "`not_found`."),
        (status = 409, description = "`conflict`: nothing else signs in to the account."),
    ))]
async fn remove(
    app: App,
    ClientAddress(address): ClientAddress,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let user_id = caller.signed_in(Action::RemovePasskey)?.user.id;
    let audit = Audit { actor: Actor::User(user_id), address: address.to_string(), now_ms: app.clock.now_ms() };
    // A link to a provider that the server knows no more is no way in.
    let issuer = app.oidc.as_ref().map(|provider| provider.config().issuer.as_str());
    match app.store.remove_passkey(user_id, id_in_path(&id)?, issuer, &audit).await? {
        PasskeyRemoved::Done => Ok(StatusCode::NO_CONTENT),
        PasskeyRemoved::Missing => Err(missing()),
        PasskeyRemoved::LastWayIn => {
            let detail = "nothing else signs in to the account; set a password or add another passkey first";
            Err(ApiError::because(ErrorCode::Conflict, detail))
        }
    }
}

/// Bytes that came in base64url.
///
/// # Errors
/// `invalid`, which names the field.
pub(super) fn decoded(field: &str, text: &str, bytes_max: usize) -> Result<Vec<u8>, ApiError> {
    // Four characters are three bytes.
    let fits = text.len() <= bytes_max.div_ceil(3) * 4;
    let bytes = fits.then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten();
    bytes.filter(|bytes| bytes.len() <= bytes_max).ok_or_else(|| {
        let detail = format!("{field} must be base64url without padding, of {bytes_max} bytes at most");
        ApiError::because(ErrorCode::Invalid, detail)
    })
}

fn too_many() -> ApiError {
    let detail = format!("an account has {PASSKEYS_MAX} passkeys at most; remove one first");
    ApiError::because(ErrorCode::Conflict, detail)
}

fn missing() -> ApiError {
    ApiError::because(ErrorCode::NotFound, "the account has no such passkey; list them anew")
}
