//! A server that is asked by as many clients at once as it serves.

use std::sync::Arc;

use cognate::wire::Front;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::World;

/// How many requests are served at once.
const AT_ONCE: usize = 2048;

/// Clients that have begun a request and don't end it, until this is dropped. They are in memory, since a process may
/// not have as many sockets.
pub struct Crowd {
    _clients: Vec<DuplexStream>,
    _serving: JoinSet<()>,
}

impl World {
    /// From now on this world asks at a door before which a crowd stands.
    pub async fn crowd(&mut self) -> Crowd {
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let router = Front::new(Arc::clone(&self.app), metrics).router();
        let mut serving = JoinSet::new();
        let mut clients = Vec::with_capacity(AT_ONCE);
        for _ in 0..AT_ONCE {
            let (mut client, server) = tokio::io::duplex(1024);
            let begun = b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 100\r\n\r\n{";
            client.write_all(begun).await.expect("a client that writes");
            clients.push(client);
            let service = TowerToHyperService::new(router.clone());
            serving.spawn(async move {
                let builder = Builder::new(TokioExecutor::new());
                drop(
                    builder
                        .serve_connection(TokioIo::new(server), service)
                        .await,
                );
            });
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        self.door.base = format!("http://{}", listener.local_addr().expect("an address"));
        serving.spawn(async move {
            axum::serve(listener, router)
                .await
                .expect("a server that serves");
        });
        let unknown = "eu-west-1:00000000-0000-4000-8000-000000000000";
        for _ in 0..1000 {
            let answer = self.get_id(unknown, json!({})).await;
            if answer.error().1 == "TooManyRequestsException" {
                return Crowd {
                    _clients: clients,
                    _serving: serving,
                };
            }
        }
        panic!("the crowd doesn't fill the house");
    }
}
