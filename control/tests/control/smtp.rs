//! A small mail server (RFC 5321): takes what it is sent, or refuses as often as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone, Default)]
struct State {
    mails: Arc<Mutex<Vec<String>>>,
    refuse: Arc<Mutex<u32>>,
}

pub struct SmtpServer {
    pub address: SocketAddr,
    state: State,
}

impl SmtpServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = State::default();
        let of_server = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, of_server.clone()));
            }
        });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// The next mails are not taken, for now.
    pub fn refuse(&self, times: u32) {
        *self.state.refuse.lock().unwrap() = times;
    }

    pub fn refusals_left(&self) -> u32 {
        *self.state.refuse.lock().unwrap()
    }

    pub fn count(&self) -> usize {
        self.state.mails.lock().unwrap().len()
    }

    /// Waits for the mail with this number, from 0.
    pub async fn mail(&self, number: usize) -> String {
        for _ in 0..1_000 {
            if let Some(mail) = self.state.mails.lock().unwrap().get(number) {
                return mail.clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no mail {number} within 10 s");
    }
}

/// What stands behind `token=` in a mail. Long lines are broken with `=` (RFC 2045, section 6.7), and `=` is `=3D`.
pub fn token(mail: &str) -> String {
    let whole = mail.replace("=\r\n", "").replace("=3D", "=");
    let (_, rest) = whole.split_once("token=").expect("a link");
    rest.chars().take_while(char::is_ascii_alphanumeric).collect()
}

async fn serve(stream: TcpStream, state: State) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 test\r\n").await.unwrap();
    let mut mail: Option<String> = None;
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(text) = &mut mail {
            if line == "." {
                state.mails.lock().unwrap().push(std::mem::take(text));
                mail = None;
                writer.write_all(b"250 taken\r\n").await.unwrap();
            } else {
                text.push_str(&line);
                text.push_str("\r\n");
            }
            continue;
        }
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        let refused = verb == "RCPT" && {
            let mut refuse = state.refuse.lock().unwrap();
            let refused = *refuse > 0;
            *refuse = refuse.saturating_sub(1);
            refused
        };
        let answer = match verb.as_str() {
            _ if refused => "451 later",
            "DATA" => {
                mail = Some(String::new());
                "354 go on"
            }
            "QUIT" => "221 bye",
            _ => "250 fine",
        };
        if writer.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return;
        }
    }
}
