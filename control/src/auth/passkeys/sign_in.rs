//! `/v1/auth/passkeys/sign-in`: the way in.

use axum::Json as Body;
use axum::http::StatusCode;
use axum_extra::extract::CookieJar;
use boltorezka_proto::ErrorCode;
use boltorezka_proto::passkeys::{PasskeyChallenge, PasskeySignInRequest};
use boltorezka_proto::rest::UserEnvelope;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::authenticator_data::{BYTES_MAX, CREDENTIAL_ID_BYTES_MAX};
use super::ceremony::{self, Assertion, CLIENT_DATA_BYTES_MAX, Expected, SIGNATURE_BYTES_MAX};
use super::challenge::{self, COOKIE, Challenge, LIFE_MS, Purpose};
use super::party::Party;
use super::routes::decoded;
use crate::app::App;
use crate::auth::caller::ClientAddress;
use crate::auth::hash_token;
use crate::auth::session::{ClientDetails, start_session};
use crate::error::ApiError;
use crate::http::Fields;
use crate::rate::address_key;
use crate::store::{PasskeySignedIn, PasskeyUse};

/// An account's id, in bytes: what its passkeys say whose they are.
const USER_HANDLE_BYTES: usize = 16;

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(begin)).routes(routes!(end))
}

/// Begins to sign in by a passkey. The answer sets a cookie, which the browser has to bring back.
#[utoipa::path(post, path = "/auth/passkeys/sign-in/begin", operation_id = "beginPasskeySignIn",
    responses(
        (status = 200, description = "What the browser is to have a device sign.", body = PasskeyChallenge),
        (status = 403, description = "`foreign_origin`."),
        (status = 404, description = "`not_found`: the server is reached by no name, and passkeys need one."),
    ))]
async fn begin(
    app: App,
    ClientAddress(address): ClientAddress,
    party: Party,
    jar: CookieJar,
) -> Result<(CookieJar, Body<PasskeyChallenge>), ApiError> {
    let now_ms = app.clock.now_ms();
    app.rates.login_address.take(address_key(address), now_ms).map_err(ApiError::rate_limited)?;
    let party = party.named()?;
    let challenge = Challenge::new(Purpose::SignIn, now_ms)?;
    let answer = PasskeyChallenge { challenge: challenge.value.clone(), rp_id: party.id, timeout_ms: LIFE_MS };
    Ok((jar.add(COOKIE.seal(&app, &challenge)?), Body(answer)))
}

/// Signs in by a passkey. Its device has checked who uses it: no code of a second factor is asked for.
#[utoipa::path(post, path = "/auth/passkeys/sign-in", operation_id = "endPasskeySignIn",
    request_body = PasskeySignInRequest,
    responses(
        (status = 200, description = "The account, signed in.", body = UserEnvelope),
        (status = 401, description = "`invalid_credentials`: the passkey is not known here, or its signature is not believed. `invalid_token`: this browser has begun nothing, it took too long, or was ended."),
        (status = 403, description = "`account_blocked`, `foreign_origin`."),
        (status = 404, description = "`not_found`: the server is reached by no name, and passkeys need one."),
        (status = 422, description = "`invalid`."),
    ))]
async fn end(
    app: App,
    ClientAddress(address): ClientAddress,
    client: ClientDetails,
    party: Party,
    jar: CookieJar,
    Fields(request): Fields<PasskeySignInRequest>,
) -> Result<(StatusCode, CookieJar, Body<UserEnvelope>), ApiError> {
    let now_ms = app.clock.now_ms();
    app.rates.login_address.take(address_key(address), now_ms).map_err(ApiError::rate_limited)?;
    let party = party.named()?;
    let challenge = challenge::brought(&app, &jar, Purpose::SignIn)?;
    let credential_id = decoded("credentialId", &request.credential_id, CREDENTIAL_ID_BYTES_MAX)?;
    let user_handle = decoded("userHandle", &request.user_handle, USER_HANDLE_BYTES)?;
    let client_data = decoded("clientData", &request.client_data, CLIENT_DATA_BYTES_MAX)?;
    let authenticator_data = decoded("authenticatorData", &request.authenticator_data, BYTES_MAX)?;
    let signature = decoded("signature", &request.signature, SIGNATURE_BYTES_MAX)?;

    let key = app.store.passkey(&credential_id).await?.ok_or_else(unknown)?;
    app.rates.login_account.take(hash_token(&key.email), now_ms).map_err(ApiError::rate_limited)?;
    if key.user_id.0.as_bytes().as_slice() != user_handle {
        return Err(unknown());
    }
    let expected = Expected { challenge: &challenge.value, party: &party };
    let assertion =
        Assertion { client_data: &client_data, authenticator_data: &authenticator_data, signature: &signature };
    let sign_count = ceremony::authenticate(expected, assertion, &key.public_key, key.backup_eligible)
        .map_err(|refusal| ApiError::because(ErrorCode::InvalidCredentials, refusal.to_string()))?;
    let used = PasskeyUse { ended: challenge.ended(), credential_id: &credential_id, sign_count, now_ms };
    let user = match app.store.passkey_sign_in(used).await? {
        PasskeySignedIn::Done(user) => *user,
        PasskeySignedIn::Ended => return Err(challenge::late()),
        PasskeySignedIn::Blocked => return Err(ErrorCode::AccountBlocked.into()),
        PasskeySignedIn::Gone => return Err(unknown()),
        PasskeySignedIn::CountWentBack => {
            tracing::warn!(user_id = %key.user_id, "a passkey's count went back: there may be a copy of it");
            let detail = "this passkey may have been copied; sign in in another way, and remove it";
            return Err(ApiError::because(ErrorCode::InvalidCredentials, detail));
        }
    };
    let session = start_session(&app, &user, client).await?;
    let jar = jar.add(COOKIE.ended(&app)).add(session);
    Ok((StatusCode::OK, jar, Body(UserEnvelope { user: user.user })))
}

fn unknown() -> ApiError {
    let detail = "this passkey is not known here, or was removed; sign in in another way";
    ApiError::because(ErrorCode::InvalidCredentials, detail)
}
