//! Signed requests to a store, each bounded in time and size, and tried again while that may help.
//!
//! A request is signed in its address (AWS Signature Version 4, query parameters): addresses are neither logged nor told.

use std::time::Duration;

use axum::body::Bytes;
use reqwest::header::CONTENT_LENGTH;
use reqwest::{Method, Response, Url};
use rusty_s3::actions::{ListObjectsV2, ListObjectsV2Response};
use rusty_s3::{Bucket, Credentials, S3Action as _};
use tokio::time::{sleep, timeout};

use super::super::files::{FileError, Spooled};
use super::config::S3Config;
use crate::outbound::{client_without_deadline, in_words};

/// A connection that takes longer does not come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the beginning of an answer may take. Stores answer within a second, and those that are busy say so.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// A store whose answer rests for so long in its midst has gone.
pub const SILENCE: Duration = Duration::from_secs(30);
/// The slowest that a store may take a file: 25 MiB then take 100 s beyond [`ANSWER_TIMEOUT`].
const UPLOAD_BYTES_PER_S_MIN: u64 = 256 * 1024;
/// Tries of a request in all, as long as the store does not answer or says that it is busy.
const ATTEMPTS: u32 = 3;
/// The pause before the second try; each further one is four times as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Signatures hold for so long: clocks may differ by a part of it.
const SIGNED_FOR: Duration = Duration::from_secs(600);
/// The longest list in bytes: a thousand objects have less than half of it.
const LIST_BYTES_MAX: usize = 2 * 1024 * 1024;
/// As much of a refusal is read: its code stands at its beginning.
const REFUSAL_BYTES_MAX: usize = 4 * 1024;

/// A bucket, and who asks.
pub struct Client {
    http: reqwest::Client,
    bucket: Bucket,
    credentials: Credentials,
    answer_timeout: Duration,
}

/// What an object is to be.
pub enum Content<'a> {
    /// A few bytes.
    Bytes(Bytes),
    /// A file.
    Spooled(&'a Spooled),
}

impl Content<'_> {
    fn size_bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Spooled(file) => file.size_bytes(),
        }
    }

    fn body(&self) -> reqwest::Body {
        match self {
            Self::Bytes(bytes) => bytes.clone().into(),
            Self::Spooled(file) => reqwest::Body::wrap_stream(file.pieces()),
        }
    }
}

impl Client {
    /// # Errors
    /// What of the settings cannot be used.
    pub fn new(config: &S3Config) -> Result<Self, String> {
        let http = client_without_deadline(CONNECT_TIMEOUT).map_err(|error| format!("s3_endpoint: {error}"))?;
        let credentials = Credentials::new(&config.access_key_id, &config.secret_access_key);
        Ok(Self { http, bucket: config.place_in_store()?, credentials, answer_timeout: ANSWER_TIMEOUT })
    }

    /// Makes an object, or replaces it, as a whole.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn put(&self, key: &str, content: Content<'_>) -> Result<(), FileError> {
        let sign = || self.bucket.put_object(Some(&self.credentials), key).sign(SIGNED_FOR);
        self.send(Method::PUT, sign, Some(content)).await?;
        Ok(())
    }

    /// Begins to read an object; `None` when it is not there.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn get(&self, key: &str) -> Result<Option<Response>, FileError> {
        let sign = || self.bucket.get_object(Some(&self.credentials), key).sign(SIGNED_FOR);
        found(self.send(Method::GET, sign, None).await)
    }

    /// The length of an object; `None` when it is not there.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn size_bytes(&self, key: &str) -> Result<Option<u64>, FileError> {
        let sign = || self.bucket.head_object(Some(&self.credentials), key).sign(SIGNED_FOR);
        let answer = found(self.send(Method::HEAD, sign, None).await)?;
        // There is no body that a length could be taken of.
        Ok(answer.and_then(|answer| answer.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()))
    }

    /// Removes an object, if it is there.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn delete(&self, key: &str) -> Result<(), FileError> {
        let sign = || self.bucket.delete_object(Some(&self.credentials), key).sign(SIGNED_FOR);
        found(self.send(Method::DELETE, sign, None).await).map(drop)
    }

    /// At most `max` of the objects whose keys begin with `prefix`: the first of them, or those behind `after`, which an answer
    /// before has named.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> Result<ListObjectsV2Response, FileError> {
        let sign = || {
            let mut list = self.bucket.list_objects_v2(Some(&self.credentials));
            list.with_prefix(prefix);
            list.with_max_keys(max);
            if let Some(after) = after {
                list.with_continuation_token(after);
            }
            list.sign(SIGNED_FOR)
        };
        let answer = self.send(Method::GET, sign, None).await?;
        let text = text_of(answer, LIST_BYTES_MAX).await.map_err(FileError::Away)?;
        ListObjectsV2::parse_response(&text)
            .map_err(|error| FileError::Refused(format!("its list is not understood: {error}")))
    }

    async fn send(
        &self,
        method: Method,
        sign: impl Fn() -> Url,
        content: Option<Content<'_>>,
    ) -> Result<Response, Failure> {
        let upload_s = content.as_ref().map_or(0, |content| content.size_bytes() / UPLOAD_BYTES_PER_S_MIN);
        let patience = self.answer_timeout + Duration::from_secs(upload_s);
        let (mut attempt, mut pause) = (1, FIRST_PAUSE);
        loop {
            let mut request = self.http.request(method.clone(), sign());
            if let Some(content) = &content {
                request = request.header(CONTENT_LENGTH, content.size_bytes()).body(content.body());
            }
            let failure = match timeout(patience, request.send()).await {
                Ok(Ok(answer)) if answer.status().is_success() => return Ok(answer),
                Ok(Ok(answer)) => Failure::of(answer).await,
                Ok(Err(error)) => Failure::Away(in_words(error)),
                Err(_) => Failure::Away(format!("nothing comes within {patience:?}")),
            };
            if attempt == ATTEMPTS || !matches!(failure, Failure::Away(_)) {
                return Err(failure);
            }
            sleep(pause).await;
            (attempt, pause) = (attempt + 1, pause * 4);
        }
    }
}

/// Why a request was not carried out.
enum Failure {
    Away(String),
    Refused { status: u16, code: Option<String> },
}

impl Failure {
    async fn of(answer: Response) -> Self {
        let status = answer.status().as_u16();
        let code = text_of(answer, REFUSAL_BYTES_MAX).await.ok().and_then(|text| code_of(&text));
        // Timeouts of its own, too many requests, and whatever is its fault.
        if matches!(status, 408 | 429 | 500..) {
            return Self::Away(format!("{status} {}", code.unwrap_or_default()));
        }
        Self::Refused { status, code }
    }

    /// Those to `HEAD` come without a code.
    fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, code } if code.as_deref().is_none_or(|code| code == "NoSuchKey"))
    }
}

impl From<Failure> for FileError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Away(why) => Self::Away(why),
            Failure::Refused { status, code } => {
                Self::Refused(in_settings(status, code.as_deref().unwrap_or("no code")))
            }
        }
    }
}

/// What a refusal says of the settings.
fn in_settings(status: u16, code: &str) -> String {
    let cure = match code {
        "NoSuchBucket" => "there is no such bucket: make it, or correct s3_bucket",
        "InvalidAccessKeyId" | "NotSignedUp" => "it knows no such key: correct s3_access_key_id",
        "SignatureDoesNotMatch" => "the secret is not that of the key: correct s3_secret_access_key",
        "AccessDenied" | "AllAccessDisabled" => {
            "the key may not do this: let it list the bucket, and get, put and delete its objects"
        }
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "AuthorizationQueryParametersError" => {
            "the bucket is of another region, or at another address: correct s3_region and s3_endpoint"
        }
        "RequestTimeTooSkewed" => "its clock and this machine's differ: keep both by NTP",
        _ => "look whether s3_endpoint is that of a store, and at the store's log",
    };
    format!("{cure} ({status} {code})")
}

fn found(answer: Result<Response, Failure>) -> Result<Option<Response>, FileError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if failure.is_missing() => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

/// A body as text. A longer one is cut.
pub async fn text_of(mut answer: Response, bytes_max: usize) -> Result<String, String> {
    let mut body = Vec::new();
    while body.len() < bytes_max {
        let piece = timeout(SILENCE, answer.chunk()).await.map_err(|_| "its answer rests".to_owned())?;
        let Some(piece) = piece.map_err(in_words)? else { break };
        body.extend_from_slice(&piece);
    }
    body.truncate(bytes_max);
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// The code of a refusal, if it looks like one.
fn code_of(text: &str) -> Option<String> {
    let (code, _) = text.split_once("<Code>")?.1.split_once("</Code>")?;
    let is_code = (1..=64).contains(&code.len()) && code.chars().all(|c| c.is_ascii_alphanumeric());
    is_code.then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::super::config::tests::config;
    use super::*;

    /// First lines of requests, and connections that stay open.
    type Asked = tokio::task::JoinHandle<(Vec<String>, Vec<tokio::net::TcpStream>)>;

    /// Says `answers` to one request after the other, each on a connection of its own, and nothing to those behind them.
    async fn store(answers: &'static [&'static str]) -> (Client, Asked) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let client = Client::new(&S3Config { endpoint, ..config() }).unwrap();
        let asked = tokio::spawn(async move {
            let (mut lines, mut open) = (Vec::new(), Vec::new());
            for number in 0..ATTEMPTS as usize {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 4096];
                let count = stream.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..count]).into_owned();
                lines.push(request.lines().next().unwrap().to_owned());
                match answers.get(number) {
                    Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
                    None => open.push(stream),
                }
            }
            (lines, open)
        });
        (Client { answer_timeout: Duration::from_millis(200), ..client }, asked)
    }

    const BUSY: &str =
        "HTTP/1.1 503 x\r\ncontent-length: 44\r\nconnection: close\r\n\r\n<Error><Code>SlowDown</Code></Error>        ";
    const GONE: &str =
        "HTTP/1.1 404 x\r\ncontent-length: 37\r\nconnection: close\r\n\r\n<Error><Code>NoSuchKey</Code></Error>";

    #[tokio::test]
    async fn who_says_nothing_is_asked_three_times_and_is_away() {
        let (client, asked) = store(&[]).await;
        let failure = client.delete("attachments/1").await.unwrap_err();
        assert!(matches!(&failure, FileError::Away(why) if why == "nothing comes within 200ms"), "{failure}");
        let (asked, _open) = timeout(Duration::from_secs(5), asked).await.expect("it is asked no more").unwrap();
        assert_eq!(asked.len(), 3);
        assert!(
            asked.iter().all(|line| line.starts_with("DELETE /talk/attachments/1?X-Amz-Algorithm=AWS4-HMAC-SHA256&"))
        );
        assert!(
            asked.iter().all(|line| line.contains("&X-Amz-Expires=600&") && !line.contains("hunter22")),
            "{asked:?}"
        );
    }

    #[tokio::test]
    async fn who_is_busy_is_asked_again_until_it_answers() {
        let (client, _asked) = store(&[BUSY, BUSY, GONE]).await;
        assert!(client.get("attachments/1").await.unwrap().is_none());
        let (client, _asked) = store(&[BUSY, BUSY, BUSY]).await;
        let failure = client.get("attachments/1").await.unwrap_err();
        assert!(matches!(&failure, FileError::Away(why) if why == "503 SlowDown"), "{failure}");
    }

    #[test]
    fn a_refusal_is_known_by_its_code() {
        let text = "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>x</Message></Error>";
        assert_eq!(code_of(text).as_deref(), Some("NoSuchKey"));
        for other in [
            "",
            "<html>",
            "<Code></Code>",
            "<Code>a b</Code>",
            "<Code>NoSuch",
            &format!("<Code>{}</Code>", "x".repeat(65)),
        ] {
            assert_eq!(code_of(other), None, "{other}");
        }
        let refused = |status, code: Option<&str>| Failure::Refused { status, code: code.map(str::to_owned) };
        assert!(refused(404, Some("NoSuchKey")).is_missing() && refused(404, None).is_missing());
        assert!(!refused(404, Some("NoSuchBucket")).is_missing() && !refused(403, None).is_missing());
    }
}
