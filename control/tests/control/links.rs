//! Forgotten passwords and verified addresses, by a real mail server and without one.

use std::time::Duration;

use boltorezka_control::SmtpConfig;
use serde_json::json;

use crate::common::client::Answer;
use crate::common::{Client, TestServer};
use crate::smtp::{SmtpServer, token};

const PASSWORD: &str = "a long password";

async fn server_with_mail(smtp: &SmtpServer) -> TestServer {
    let url = smtp.url();
    TestServer::start_with(|config| {
        config.smtp = Some(SmtpConfig { url, from: "Talk <talk@example.org>".to_owned() });
        config.public_url = Some("https://talk.example".to_owned());
        config.super_admin_email = Some("Boss@example.org".to_owned());
    })
    .await
}

async fn forgot(client: &Client, email: &str) -> Answer {
    client.post("/v1/auth/password-reset", json!({ "email": email })).await
}

async fn reset(client: &Client, token: &str, password: &str) -> Answer {
    let body = json!({ "token": token, "newPassword": password });
    client.post("/v1/auth/password-reset/confirm", body).await
}

async fn verify(client: &Client, token: &str) -> Answer {
    client.post("/v1/auth/email-verification/confirm", json!({ "token": token })).await
}

async fn log_in(server: &TestServer, password: &str) -> Answer {
    server.anybody().post("/v1/auth/login", json!({ "email": "ann@example.org", "password": password })).await
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_a_mailed_link() {
    let smtp = SmtpServer::start().await;
    let server = server_with_mail(&smtp).await;
    let ann = server.user("Ann").await;
    smtp.mail(0).await;
    let socket = ann.socket().await;
    let anybody = server.anybody();
    // The same answer, whoever has an account.
    let (known, unknown) = (forgot(&anybody, "Ann@example.org").await, forgot(&anybody, "nobody@example.org").await);
    assert_eq!((known.status, &known.body), (202, &unknown.body));
    assert_eq!(unknown.status, 202);
    forgot(&anybody, "nonsense").await.expect_problem(422, "invalid");
    let mail = smtp.mail(1).await;
    assert!(mail.contains("To: ann@example.org") && mail.contains("Talk <talk@example.org>"), "{mail}");
    assert!(mail.replace("=\r\n", "").contains("https://talk.example/reset?token"), "{mail}");
    let token = token(&mail);
    assert_eq!(server.count("SELECT count(*) FROM mails").await, 0);
    reset(&anybody, &token, "short").await.expect_problem(422, "invalid");
    let (a, b) =
        tokio::join!(reset(&anybody, &token, "another password"), reset(&anybody, &token, "yet another password"));
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 401], "used twice at once");
    assert_eq!(socket.close_code().await, 4002);
    ann.get("/v1/auth/me").await.expect_problem(401, "unauthenticated");
    log_in(&server, PASSWORD).await.expect_problem(401, "invalid_credentials");
    let now = if a.status == 204 { "another password" } else { "yet another password" };
    log_in(&server, now).await.expect(200);
    reset(&anybody, &token, "a third password").await.expect_problem(401, "invalid_token");
}

#[tokio::test]
async fn a_reset_link_ends_after_an_hour() {
    let smtp = SmtpServer::start().await;
    let server = server_with_mail(&smtp).await;
    server.user("Ann").await;
    smtp.mail(0).await;
    forgot(&server.anybody(), "ann@example.org").await.expect(202);
    let token = token(&smtp.mail(1).await);
    server.clock.advance_ms(60 * 60 * 1000);
    reset(&server.anybody(), &token, "another password").await.expect_problem(401, "invalid_token");
    reset(&server.anybody(), "a guess", "another password").await.expect_problem(401, "invalid_token");
    log_in(&server, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_mail_that_is_not_taken_is_sent_again_also_after_a_restart() {
    let smtp = SmtpServer::start().await;
    smtp.refuse(2);
    let server = server_with_mail(&smtp).await;
    let ann = server.user("Ann").await;
    let refused = async |left: u32| {
        for _ in 0..1_000 {
            if smtp.refusals_left() == left {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it was not tried");
    };
    refused(1).await;
    assert_eq!(smtp.count(), 0);
    let server = server.restart().await;
    server.clock.advance_ms(30_000);
    refused(0).await;
    server.clock.advance_ms(60_000);
    let token = token(&smtp.mail(0).await);
    let ann = ann.at(server.address);
    assert_eq!(verify(&ann, &token).await.status, 204);
    assert_eq!(ann.get("/v1/auth/me").await.expect(200)["emailVerified"], true);
}

#[tokio::test]
async fn an_address_is_verified_by_who_is_signed_in_with_it() {
    let smtp = SmtpServer::start().await;
    let server = server_with_mail(&smtp).await;
    let ann = server.user("Ann").await;
    assert_eq!(ann.get("/v1/auth/me").await.expect(200)["emailVerified"], false);
    let link = token(&smtp.mail(0).await);
    let bob = server.user("Bob").await;
    verify(&server.anybody(), &link).await.expect_problem(401, "unauthenticated");
    verify(&bob, &link).await.expect_problem(401, "invalid_token");
    assert_eq!(verify(&ann, &link).await.status, 204);
    verify(&ann, &link).await.expect_problem(401, "invalid_token");
    // Another mail only after a while.
    smtp.mail(1).await;
    assert_eq!(bob.act("/v1/auth/email-verification").await.status, 202);
    server.clock.advance_ms(5 * 60 * 1000);
    assert_eq!(bob.act("/v1/auth/email-verification").await.status, 202);
    assert_eq!(verify(&bob, &token(&smtp.mail(2).await)).await.status, 204);
    assert_eq!(smtp.count(), 3);
}

#[tokio::test]
async fn who_verified_the_configured_address_is_super_admin() {
    let smtp = SmtpServer::start().await;
    let server = server_with_mail(&smtp).await;
    let boss = server.user("Boss").await;
    boss.get("/v1/admin/users").await.expect_problem(403, "forbidden");
    let link = token(&smtp.mail(0).await);
    // Whoever took the address before gets nothing by the owner's click, and loses the account to a reset.
    assert_eq!(verify(&boss, &link).await.status, 204);
    assert_eq!(boss.get("/v1/auth/me").await.expect(200)["user"]["role"], "super_admin");
    boss.get("/v1/admin/users").await.expect(200);
    let ann = server.user("Ann").await;
    assert_eq!(verify(&ann, &token(&smtp.mail(1).await)).await.status, 204);
    assert_eq!(ann.get("/v1/auth/me").await.expect(200)["user"]["role"], "user");
}

#[tokio::test]
async fn without_mail_an_admin_hands_links_out() {
    let server = TestServer::start_with(|config| config.super_admin_email = Some("ann@example.org".to_owned())).await;
    let token_of = server.control.owner_token().await.unwrap().unwrap();
    let admin = server.user("Admin").await;
    let ann = server.user("Ann").await;
    server.sql("UPDATE users SET role = 'admin' WHERE display_name = 'Admin'").await;
    drop(token_of);
    forgot(&server.anybody(), "ann@example.org").await.expect_problem(503, "unavailable");
    ann.act("/v1/auth/email-verification").await.expect_problem(503, "unavailable");
    let path = |id: &str| format!("/v1/admin/users/{id}/links");
    let made = admin.post(&path(&ann.id), json!({ "kind": "reset_password" })).await.expect(201);
    let link = made["token"].as_str().unwrap();
    assert_eq!(made["link"], format!("/reset?token={link}"));
    assert_eq!(reset(&server.anybody(), link, "another password").await.status, 204);
    log_in(&server, "another password").await.expect(200);
    // It proves nothing about the mailbox.
    let ann = server.anybody();
    ann.post("/v1/auth/login", json!({ "email": "ann@example.org", "password": "another password" })).await.expect(200);
    let ann = ann.remember_me().await;
    let made = admin.post(&path(&ann.id), json!({ "kind": "verify_email" })).await.expect(201);
    assert_eq!(verify(&ann, made["token"].as_str().unwrap()).await.status, 204);
    let me = ann.get("/v1/auth/me").await.expect(200);
    assert_eq!((&me["emailVerified"], &me["user"]["role"]), (&json!(true), &json!("user")));
    // Nobody takes an equal's account over.
    admin.post(&path(&admin.id), json!({ "kind": "reset_password" })).await.expect_problem(403, "forbidden");
    ann.post(&path(&admin.id), json!({ "kind": "reset_password" })).await.expect_problem(403, "forbidden");
    assert_eq!(server.count("SELECT count(*) FROM audit WHERE action = 'admin.link.create'").await, 2);
}
