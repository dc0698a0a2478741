//! What mails say.

use boltorezka_proto::DisplayName;
use boltorezka_proto::accounts::LinkKind;

/// Subject and body.
pub fn of(kind: LinkKind, name: &DisplayName, link: &str) -> (&'static str, String) {
    match kind {
        LinkKind::VerifyEmail => (
            "Confirm your address",
            format!(
                "Hello {name},\n\nopen this link, signed in, to confirm that this address is yours. It works once, for three \
                 days.\n\n{link}\n\nIf you did not make an account, do nothing.\n"
            ),
        ),
        LinkKind::ResetPassword => (
            "Choose a new password",
            format!(
                "Hello {name},\n\nopen this link to choose a new password. It works once, for an hour.\n\n{link}\n\nIf you did \
                 not ask for it, do nothing: your password stays as it is.\n"
            ),
        ),
    }
}
