//! A server whose memory for requests is used up by the bodies of its clients.

use std::sync::Arc;
use std::time::Duration;

use cognate::wire::Front;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{World, http2, serve};

/// How many connections with 16 bodies each send how many bytes of each body. Nine KiB take 16 KiB of memory, and heads alone
/// use up what is left of one client's share.
const CONNECTIONS: [(usize, usize); 2] = [(140, 9 << 10), (10, 0)];

/// Clients that have begun a request and don't end it, until this is dropped.
pub struct Crowd {
    _clients: JoinSet<()>,
}

impl World {
    /// From now on, this world asks another front end of its server, which has no memory left for more requests for about
    /// five seconds.
    pub async fn crowd(&mut self) -> Crowd {
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let front = Front::new(Arc::clone(&self.app), metrics);
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("an address").to_string();
        self.door.base = format!("http://{address}");
        let mut clients = JoinSet::new();
        clients.spawn(serve(front, socket));
        for (connections, length) in CONNECTIONS {
            for _ in 0..connections {
                let client = TcpStream::connect(&address).await.expect("a connection");
                let address = address.clone();
                clients.spawn(async move {
                    http2::send_slow_bodies(client, &address, 16, length).await;
                });
            }
            sleep(Duration::from_millis(200)).await;
        }
        let unknown = "eu-west-1:00000000-0000-4000-8000-000000000000";
        for _ in 0..1000 {
            let answer = self.get_id(unknown, json!({})).await;
            if answer.error().1 == "TooManyRequestsException" {
                return Crowd { _clients: clients };
            }
        }
        panic!("the bodies don't use up the memory");
    }
}
