//! HTTP/2 by hand, for clients that no library would make.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The longest payload of a frame.
const PAYLOAD: usize = 16 << 10;

// The kinds of frames.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW: u8 = 8;

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The beginning of a connection, with this window for each answer.
pub fn beginning(window: u32) -> Vec<u8> {
    let mut setting = vec![0, 4];
    setting.extend(window.to_be_bytes());
    [PREFACE, &frame(SETTINGS, 0, 0, &setting)].concat()
}

/// The head of a request; that of a POST is a GetId with a body.
pub fn head(server: &str, stream: u32, method: &str, path: &str) -> Vec<u8> {
    long_head(server, stream, method, path, 0)
}

/// As [`head`], with a header that is repeated `more` times.
pub fn long_head(server: &str, stream: u32, method: &str, path: &str, more: usize) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", server),
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", "AWSCognitoIdentityService.GetId"),
    ] {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.as_bytes());
        }
    }
    if more > 0 {
        // The header becomes the first entry of the dynamic table, and is repeated by its index.
        block.extend([0x40, 1, b'x', 0]);
        block.resize(block.len() + more, 0x80 | 0x3e);
    }
    let flags = if method == "POST" { 4 } else { 5 };
    frame(HEADERS, flags, stream, &block)
}

/// One frame that the server sent: its kind, flags, stream and payload; `None` after the last one.
async fn next(connection: &mut TcpStream) -> Option<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    connection.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    let mut payload = vec![0; length as usize];
    connection.read_exact(&mut payload).await.ok()?;
    Some((head[3], head[4], stream, payload))
}

/// The answer that settings and pings require.
fn answer(kind: u8, flags: u8, payload: &[u8]) -> Option<Vec<u8>> {
    match (kind, flags & 1) {
        (SETTINGS, 0) => Some(frame(SETTINGS, 1, 0, &[])),
        (PING, 0) => Some(frame(PING, 1, 0, payload)),
        _ => None,
    }
}

/// Answers pings and nothing else, until the server closes.
pub async fn answer_pings(mut connection: TcpStream) {
    while let Some((kind, flags, _, payload)) = next(&mut connection).await {
        if let Some(answer) = answer(kind, flags, &payload)
            && connection.write_all(&answer).await.is_err()
        {
            return;
        }
    }
}

/// The windows of the server, and what each stream has yet to send.
struct Sender {
    initial: usize,
    connection: usize,
    streams: BTreeMap<u32, (usize, usize)>,
}

impl Sender {
    fn take_note(&mut self, kind: u8, stream: u32, payload: &[u8]) {
        let number = |at: usize| {
            let bytes = payload[at..at + 4].try_into().unwrap();
            u32::from_be_bytes(bytes) as usize
        };
        match kind {
            SETTINGS => {
                for setting in (0..payload.len()).step_by(6) {
                    if payload[setting..setting + 2] == [0, 4] {
                        let (before, after) = (self.initial, number(setting + 2));
                        self.initial = after;
                        for (window, _) in self.streams.values_mut() {
                            *window = *window + after - before;
                        }
                    }
                }
            }
            WINDOW if stream == 0 => self.connection += number(0),
            WINDOW => {
                if let Some((window, _)) = self.streams.get_mut(&stream) {
                    *window += number(0);
                }
            }
            RESET | HEADERS => drop(self.streams.remove(&stream)),
            _ => {}
        }
    }

    /// As much data as the windows allow.
    fn data(&mut self) -> Vec<u8> {
        let mut data = Vec::new();
        for (stream, (window, left)) in &mut self.streams {
            loop {
                let length = PAYLOAD.min(*window).min(*left).min(self.connection);
                if length == 0 {
                    break;
                }
                data.extend(frame(DATA, 0, *stream, &vec![b' '; length]));
                *window -= length;
                *left -= length;
                self.connection -= length;
            }
        }
        data
    }
}

/// Opens `streams` requests and sends `length` bytes of each body as fast as the server takes them, but never the end.
pub async fn send_slow_bodies(
    mut connection: TcpStream,
    server: &str,
    streams: u32,
    length: usize,
) {
    let ids = (0..streams).map(|stream| 2 * stream + 1);
    let mut begin = beginning(65535);
    for stream in ids.clone() {
        begin.extend(head(server, stream, "POST", "/"));
    }
    let mut sender = Sender {
        initial: 65535,
        connection: 65535,
        streams: ids.map(|stream| (stream, (65535, length))).collect(),
    };
    let mut out = begin;
    while connection.write_all(&out).await.is_ok() {
        let Some((kind, flags, stream, payload)) = next(&mut connection).await else {
            return;
        };
        if flags & 1 == 0 || kind == HEADERS {
            sender.take_note(kind, stream, &payload);
        }
        out = answer(kind, flags, &payload).unwrap_or_default();
        out.extend(sender.data());
    }
}
