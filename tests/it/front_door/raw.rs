//! Bytes on a connection, for what no client would send.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::world::World;

/// What came back, as text.
pub struct RawAnswer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// Sends bytes on a connection of their own and reads until it ends.
pub async fn send(world: &World, bytes: Vec<u8>) -> RawAnswer {
    let address = world.base.strip_prefix("http://").unwrap().to_owned();
    let reading = tokio::task::spawn_blocking(move || {
        let mut connection = TcpStream::connect(address).unwrap();
        let patience = Some(Duration::from_secs(30));
        connection.set_read_timeout(patience).unwrap();
        let mut writing = connection.try_clone().unwrap();
        // A server that has heard enough need not listen to the rest.
        let writing = std::thread::spawn(move || drop(writing.write_all(&bytes)));
        let mut answer = Vec::new();
        drop(connection.read_to_end(&mut answer));
        writing.join().unwrap();
        String::from_utf8(answer).unwrap()
    });
    let answer = reading.await.unwrap();
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer, but {answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    RawAnswer {
        status,
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}

/// A GetId request with more header lines, up to its body.
pub fn head(lines: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-amz-target: AWSCognitoIdentityService.GetId\r\n\
         {lines}\r\n"
    )
}
